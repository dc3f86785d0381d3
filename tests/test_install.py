"""`make` and the install commands work on machines that have only Python and make."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import facevae

from .test_cli import facevae as run

ROOT = Path(__file__).parent.parent
INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _supported() -> list[str]:
    """Versions of Python that pyproject.toml names, oldest first."""
    return re.findall(r"Python :: (3\.\d+)", "\n".join(project()["classifiers"]))


PYTHONS = _supported()


def make(*words: str, path: Path, folder: Path = ROOT) -> str:
    """What `make` answers where PATH holds only the programs in `path`."""
    tool = shutil.which("make")
    assert tool, "needs make"
    command = [tool, "--no-print-directory", "-C", str(folder), "-f", str(ROOT / "Makefile"), *words]
    env = {"PATH": str(path)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    return result.stdout + result.stderr


def programs(folder: Path, codes: dict[str, int]) -> Path:
    """Programs that only exit, each with its code; 127 is a launcher's whose Python is not installed."""
    for name, code in codes.items():
        (folder / name).write_text(f"#!/bin/sh\nexit {code}\n", encoding="ascii")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("newest", range(len(PYTHONS)))
def test_make_takes_the_newest_supported_python_that_runs(newest: int, tmp_path: Path) -> None:
    codes = {f"python{version}": 0 if place <= newest else 127 for place, version in enumerate(PYTHONS)}
    path = programs(tmp_path, {**codes, "python3": 0})
    print_it = "--eval=print: ; @echo [$(PYTHON)]"
    assert make(print_it, "print", path=path) == f"[python{PYTHONS[newest]}]\n"
    assert make(print_it, "print", "PYTHON=mine", path=path) == "[mine]\n"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A checkout in which nothing is installed yet."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    return tmp_path


def test_make_without_a_python_says_which_it_needs(empty: Path) -> None:
    path = programs(empty, {f"python{version}": 127 for version in PYTHONS})
    said = make("demo", path=path, folder=empty)
    assert "PYTHON=/path/to/python" in said
    assert all(version in said for version in PYTHONS)
    assert not (empty / ".venv").exists()


def would_do(folder: Path, *words: str) -> str:
    return make("-n", "PYTHON=python3", *words, path=folder, folder=folder)


def test_the_demo_installs_its_extra_alone_and_tests_the_rest(empty: Path) -> None:
    extras = re.compile(r"-e '\.\[(\w+)\]'")
    assert extras.findall(would_do(empty, "demo")) == ["demo"]
    assert extras.findall(would_do(empty, "test")) == ["demo", "dev"]
    (empty / ".venv").mkdir()
    (empty / ".venv" / ".demo-ready").touch()
    assert extras.findall(would_do(empty, "test")) == ["dev"]
    (empty / ".venv" / ".ready").touch()
    assert "install" not in would_do(empty, "test", "demo")


def test_one_variable_chooses_where_pytorch_alone_comes_from(empty: Path) -> None:
    index = "https://example.org/cpu"
    asking = [line for line in would_do(empty, "test", f"TORCH_INDEX={index}").splitlines() if index in line]
    assert len(asking) == 1
    assert asking[0].endswith(f"-c constraints.txt --no-deps --index-url {index} torch")
    assert "--index-url" not in would_do(empty, "test")


def test_install_md_lists_every_extra() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", INSTALL, re.M)) == set(project()["optional-dependencies"])


def test_facevae_is_installed_from_its_checkout_wherever_that_is_said() -> None:
    """It is on no index: `pip install facevae` would install whatever else has that name there."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *(ROOT / "src").rglob("*.py")]
    wrong = [str(page) for page in pages if re.search(r"pip install '?facevae", page.read_text("utf-8"))]
    assert not wrong
    extras = {
        extra
        for page in pages
        for named in re.findall(r"pip install -c constraints\.txt '\.\[([\w,]+)\]'", page.read_text("utf-8"))
        for extra in named.split(",")
    }
    assert extras <= set(project()["optional-dependencies"])


def test_version_is_told() -> None:
    assert run("--version") == f"facevae {facevae.__version__}\n"
    assert facevae.__version__ == project()["version"]
