"""What is installed is what was pinned, and weights are the ones that were meant."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from facevae import CheckpointError, FaceGenerator, MissingExtraError
from facevae.digests import sha256_file
from facevae.features import LITE0, LITE2, load_published
from facevae.models import SHIPPED, find_model, shipped_models

from .test_install import PYTHONS, project

ROOT = Path(__file__).parent.parent
TWINS = {"opencv-python", "opencv-python-headless"}
"""The same module built with and without a desktop's libraries: one of the two is installed."""
UNPINNED = re.compile(r"pip$|triton$|cuda-|nvidia-")
"""pip installs all others; each CUDA build of PyTorch names the versions of its own libraries."""


def pins() -> list[tuple[str, Version, Marker | None]]:
    """(name, version, where it holds) of each line of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"==[^*,]+", str(one.specifier)) for one in found), "every line is name==version"
    return [
        (canonicalize_name(one.name), Version(str(one.specifier).removeprefix("==")), one.marker)
        for one in found
    ]


def pinned(python: str = f"{sys.version_info.major}.{sys.version_info.minor}") -> dict[str, str]:
    """Name to version of the pins that hold for a version of Python."""
    holding = [
        (name, str(version))
        for name, version, marker in pins()
        if marker is None or marker.evaluate({"python_version": python})
    ]
    assert len(dict(holding)) == len(holding), "a package is pinned twice"
    return dict(holding)


def declared() -> list[str]:
    """What pyproject.toml asks for; the metadata of an installed facevae may be older."""
    extras = project()["optional-dependencies"]
    del extras["litert"]  # lives in an environment of its own, which constraints.txt does not pin
    return [line for lines in (project()["dependencies"], *extras.values()) for line in lines]


def needed() -> set[str]:
    """Everything that facevae with all of its extras brings with it on this machine."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = {("facevae", "")}
    todo = [(line, "") for line in declared()]
    while todo:
        line, extra = todo.pop()
        one = Requirement(line)
        name = canonicalize_name(one.name)
        if name == "facevae" or (one.marker and not one.marker.evaluate({"extra": extra})):
            continue
        found.add(name)
        for more in {"", *one.extras} - {known for other, known in seen if other == name}:
            seen.add((name, more))
            try:
                todo += [(line, more) for line in importlib.metadata.requires(name) or []]
            except importlib.metadata.PackageNotFoundError:
                assert name in TWINS, f"{name} is needed and not installed"
    return {name for name in found if not UNPINNED.match(name)}


def test_every_package_that_facevae_brings_is_pinned_and_installed_as_pinned() -> None:
    pins, wrong = pinned(), []
    for name in sorted(needed()):
        try:  # a build of the version that is pinned, such as 2.13.0+cpu
            installed = Version(importlib.metadata.version(name)).public
        except importlib.metadata.PackageNotFoundError:
            installed = "absent"
        if name not in pins or (installed != pins[name] and name not in TWINS):
            wrong.append(f"{name}: pinned {pins.get(name, 'nowhere')}, installed {installed}")
    assert not wrong, "\n".join(wrong)


def test_no_pin_is_a_build_that_lies_on_few_machines() -> None:
    assert not [f"{name}=={version}" for name, version, _ in pins() if version.local]


def resolve(python: str, cache: Path, *requirements: str | Path) -> subprocess.CompletedProcess[str]:
    """What a resolver that reads no configuration of pip takes from PyPI; skips without a network."""
    from uv import find_uv_bin

    command = [
        find_uv_bin(), "pip", "compile", "-", *requirements, "--quiet", "--no-config", "--cache-dir", cache,
        "--no-build", "--no-python-downloads", "--no-header", "--no-annotate", "--no-color",
        "--python-version", python, "--python-platform", "x86_64-unknown-linux-gnu",
    ]  # fmt: skip
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    answer = subprocess.run(
        command, input="opencv-python-headless\n", capture_output=True, text=True, check=False, env=env
    )
    if "Failed to fetch" in answer.stderr:
        pytest.skip(f"the package index cannot be reached: {' '.join(answer.stderr.split())}")
    return answer


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the resolver has fetched, for all Pythons together."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("python", PYTHONS)
def test_pins_are_what_a_resolver_takes_from_the_public_index(python: str, cache: Path) -> None:
    """All pins go together, exist there for each Python, and each is needed."""
    wanted = (ROOT / "pyproject.toml", "--extra", "dev", "-c", ROOT / "constraints.txt")
    answer = resolve(python, cache, *wanted)
    assert answer.returncode == 0, answer.stderr
    taken = dict(line.split("==") for line in answer.stdout.splitlines())
    assert {name: version for name, version in taken.items() if not UNPINNED.match(name)} == pinned(python)


def test_shipped_files_are_those_of_the_list() -> None:
    lines = (SHIPPED / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    there = {str(path.relative_to(SHIPPED)) for path in SHIPPED.glob("*/*")}
    assert set(listed) == there
    assert {name.split("/")[0] for name in listed} == set(shipped_models())
    for name, digest in listed.items():
        assert sha256_file(SHIPPED / name) == digest, name


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


@pytest.mark.parametrize("name", ["model.safetensors", "prior.safetensors"])
def test_one_flipped_bit_of_the_weights_is_refused(copied: Path, name: str) -> None:
    data = bytearray((copied / name).read_bytes())
    data[-1] ^= 1
    (copied / name).write_bytes(data)
    with pytest.raises(CheckpointError, match=f"{name} is damaged: its SHA-256"):
        FaceGenerator.from_pretrained(copied)


def test_a_model_asked_for_by_its_digest_is_that_model_or_none(copied: Path) -> None:
    digest = sha256_file(copied / "config.json")
    assert find_model(f"{copied}@sha256:{digest}") == copied
    assert (
        find_model(f"face64@sha256:{sha256_file(SHIPPED / 'face64' / 'config.json')}") == SHIPPED / "face64"
    )
    with (copied / "config.json").open("a") as file:
        file.write("\n")  # says the same, and is not what was asked for
    with pytest.raises(CheckpointError, match="is not the model that was asked for"):
        find_model(f"{copied}@sha256:{digest}")
    with pytest.raises(CheckpointError, match="64 hexadecimal digits"):
        find_model(f"{copied}@sha256:abc")


def test_a_revision_of_the_hub_is_asked_for_by_name(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked = {}

    def download(repository: str, **options: object) -> str:
        asked.update(options, repository=repository)
        return str(copied)

    monkeypatch.setattr(hub, "snapshot_download", download)
    digest = sha256_file(copied / "config.json")
    assert find_model(f"someone/faces@v1.2@sha256:{digest}") == copied
    assert (asked["repository"], asked["revision"]) == ("someone/faces", "v1.2")
    (copied / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="is not the model that was asked for"):
        find_model(f"someone/faces@sha256:{digest}")


@pytest.mark.parametrize("net", [LITE0, LITE2], ids=lambda net: net.name)
def test_frozen_networks_are_the_ones_that_figures_were_measured_with(
    net: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        path = net.weights()  # type: ignore[attr-defined]
    except MissingExtraError:
        pytest.skip("the extra is not installed")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "other.pth").write_bytes(data)
    monkeypatch.setattr(type(net), "weights", lambda _: tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=re.escape("other.pth")):
        load_published(net)  # type: ignore[arg-type]
