"""How long a moved slider of the studio waits for its face, as the page sees it.

python scripts/studio_latency.py [MODEL [DEVICE]]        # default face64 cpu

From the input event to the first frame that shows another picture, 30 moves each in Create and in Edit.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from skimage.data import astronaut
from studio_session import browser, studio

MOVES, WARM_UP = 30, 5
MEASURE = """async ([slider, picture, values]) => {
  const input = document.querySelector(slider + ' input[type=range]');
  const source = () => document.querySelector(picture + ' img').src;
  const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const times = [];
  for (const value of values) {
    const before = source();
    const started = performance.now();
    setter.call(input, value);
    input.dispatchEvent(new Event('input', { bubbles: true }));
    while (source() === before) {
      if (performance.now() - started > 10000) { throw new Error('no new face for ' + value); }
      await new Promise((next) => setTimeout(next, 1));
    }
    await new Promise((next) => requestAnimationFrame(next));
    times.push(performance.now() - started);
    await new Promise((next) => setTimeout(next, 150));
  }
  return times;
}"""


def measured(page: Any, slider: str, picture: str) -> list[float]:
    """Milliseconds of each move after the first ones."""
    values = [20 + (37 * move) % 61 for move in range(MOVES + WARM_UP)]
    times: list[float] = page.evaluate(MEASURE, [slider, picture, values])
    return times[WARM_UP:]


def told(name: str, times: list[float]) -> None:
    ordered = sorted(times)
    p95 = ordered[round(0.95 * (len(ordered) - 1))]
    print(f"{name}: median {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, worst {ordered[-1]:.0f} ms "
          f"({len(times)} moves)")  # fmt: skip


def main(model: str = "face64", device: str = "cpu") -> None:
    with tempfile.TemporaryDirectory() as folder, studio(model, device) as url, browser() as opened:
        photo = Path(folder) / "astronaut.png"
        Image.fromarray(astronaut()).save(photo)
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/?seed=5&lang=en")
        page.wait_for_selector("#fv-create-faces img")
        told("Create, age", measured(page, "#fv-create-age", "#fv-create-faces"))
        page.get_by_role("tab", name="Edit", exact=True).click()
        page.locator("#fv-edit-photo input[type=file]").set_input_files(str(photo))
        page.wait_for_selector("#fv-edit-kept meter")
        told("Edit, age", measured(page, "#fv-edit-age", "#fv-edit-face"))


if __name__ == "__main__":
    main(*sys.argv[1:])
