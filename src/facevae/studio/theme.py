"""How the studio looks, in light and dark, with the system's own fonts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils import fonts
from PIL import Image, ImageDraw

STYLES = Path(__file__).parent / "studio.css"

HEAD = """<script>
(() => {
  const kept = localStorage.getItem('facevae-dark');
  const dark = kept === null ? matchMedia('(prefers-color-scheme: dark)').matches : kept === '1';
  const apply = () => document.body.classList.toggle('dark', dark);
  if (kept !== null) {
    addEventListener('load', () => [0, 50, 300, 1000].forEach((ms) => setTimeout(apply, ms)));
  }
  window.fvKeep = (link) => {
    const kept = new URLSearchParams(location.search);
    kept.delete('lang');
    const bare = link.getAttribute('href').split('&')[0];
    link.href = kept.size ? `${bare}&${kept}` : bare;
  };
  window.fvShade = () => {
    localStorage.setItem('facevae-dark', document.body.classList.toggle('dark') ? '1' : '0');
  };
  window.fvCopy = (button) => {
    const address = new URL(button.dataset.query, location.href).href;
    const done = () => { button.textContent = button.dataset.done; };
    if (navigator.clipboard) { navigator.clipboard.writeText(address).then(done, () => prompt('', address)); }
    else { prompt('', address); }
  };
  const ask = window.fetch;
  const tell = (text) => {
    const box = document.getElementById('fv-refusal') || document.createElement('div');
    Object.assign(box, { id: 'fv-refusal', textContent: text, hidden: false });
    box.setAttribute('role', 'alert');
    document.body.append(box);
    clearTimeout(tell.timer);
    tell.timer = setTimeout(() => { box.hidden = true; }, 8000);
  };
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (!answer.ok && answer.url.includes('/gradio_api/run/')) {
      answer.clone().json().then((told) => told.detail && tell(told.detail), () => {});
    }
    return answer;
  };
})();
</script>"""
"""Light or dark as chosen, the other language with the same faces, copying of links, and why the service
refused what was asked past the queue, which Gradio keeps to itself; loads nothing."""


def looks() -> dict[str, Any]:
    """What `launch` and `mount_gradio_app` take of theme, styles and head."""
    neutral = gr.themes.colors.slate
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=neutral,
        radius_size=gr.themes.sizes.radius_md,
        font=[fonts.Font("sans-serif")],
        font_mono=[fonts.Font("monospace")],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        block_shadow="none",
        block_border_width="1px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
    )
    return {"theme": theme, "css_paths": [STYLES], "head": HEAD}


def write_icon(folder: Path) -> Path:
    """The page's icon, a plain face of 64 px, as a file in `folder`."""
    icon = Image.new("RGBA", (256, 256))
    draw = ImageDraw.Draw(icon)
    draw.rounded_rectangle((8, 8, 248, 248), 64, fill="#0f766e")
    for left in (78, 150):
        draw.ellipse((left, 84, left + 28, 124), fill="white")
    draw.arc((72, 84, 184, 196), 25, 155, fill="white", width=16)
    path = folder / "icon.png"
    icon.resize((64, 64), Image.Resampling.LANCZOS).save(path)
    return path
