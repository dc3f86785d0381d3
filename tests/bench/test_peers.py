"""What every peer shares, and each peer itself where its environment was made before."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facevae.bench.environment import (
    PEERS,
    PeerName,
    environment_folder,
    is_complete,
    peer_environment,
    run_command,
)
from facevae.bench.peers import peer_io
from facevae.bench.peers.peer_io import Clock

REQUIRED = ["--train", "a.npy", "--validation", "b.npy", "--out", "out"]


def some_faces(count: int, size_px: int = 64) -> peer_io.Faces:
    return np.random.default_rng(0).integers(0, 256, (count, size_px, size_px, 3), dtype=np.uint8)


def test_arguments_have_the_defaults_of_the_bench() -> None:
    given = peer_io.parse_arguments(["vae", "rae"], [*REQUIRED, "--minutes", "0.05"])
    assert (given.method, given.minutes, given.samples, given.seed, given.threads) == (
        "vae",
        0.05,
        5000,
        0,
        1,
    )
    assert given.train == Path("a.npy")


@pytest.mark.parametrize("wrong", [["--minutes", "0"], ["--method", "gan"], ["--samples", "-1"]])
def test_wrong_arguments_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        peer_io.parse_arguments(["vae"], [*REQUIRED, *wrong])
    assert wrong[0] in capsys.readouterr().err


@pytest.mark.parametrize("script", ["keras_vae.py", "pythae_methods.py"])
def test_scripts_answer_help_without_facevae_or_their_framework(script: str) -> None:
    command = [sys.executable, "-I", "-S", "-c", (
        f"import sys; sys.path[:0] = [{str(PEERS)!r}, {str(Path(np.__file__).parent.parent)!r}]; "
        "sys.modules.update(facevae=None, keras=None, pythae=None); sys.argv = ['peer', '--help']; "
        f"import runpy; runpy.run_path({str(PEERS / script)!r}, run_name='__main__')"
    )]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "--minutes" in done.stdout


def test_flip_mirrors_about_half_and_leaves_the_rest() -> None:
    faces = some_faces(400, 32)
    flipped = peer_io.flip_half(faces, np.random.default_rng(1))
    same = (flipped == faces).all((1, 2, 3))
    mirrored = (flipped == faces[:, :, ::-1]).all((1, 2, 3))
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250
    np.testing.assert_array_equal(flipped, peer_io.flip_half(faces, np.random.default_rng(1)))


def test_clock_starts_at_the_first_step_and_stops_at_the_budget() -> None:
    times = iter([100.0, 110.0, 120.0, 131.0])
    report = io.StringIO()
    clock = Clock(0.5, now=lambda: next(times), report=report)
    clock.start()
    assert [clock.step(8, loss) for loss in (3.0, 2.0, 1.0)] == [False, False, True]
    assert (clock.seen_images, clock.train_seconds) == (24, 31.0)
    assert report.getvalue() == "16 images, 0.8 images/s, loss 2.00, 10 s left\n"


def test_loss_history_is_at_most_fifty_means() -> None:
    clock = Clock(1e9, now=lambda: 0.0)
    assert clock.loss_history() == []
    for step in range(1000):
        clock.step(2, float(step))
    history = clock.loss_history()
    assert len(history) == 50
    assert history[0] == [40, 9.5]
    assert history[-1][0] == 2000


@pytest.mark.parametrize(
    "wrong", [some_faces(2).astype(np.float32), some_faces(2, 48), some_faces(0), some_faces(2)[..., :1]]
)
def test_faces_of_another_kind_are_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    np.save(tmp_path / "faces.npy", wrong)
    with pytest.raises(ValueError, match="power of two"):
        peer_io.load_faces(tmp_path / "faces.npy")


def test_pixels_round_to_the_nearest_level_and_nan_is_refused() -> None:
    np.testing.assert_array_equal(
        peer_io.to_uint8(np.array([-1.0, 0.0, 0.4999 / 255, 0.51 / 255, 1.0, 2.0])), [0, 0, 0, 1, 255, 255]
    )
    with pytest.raises(ValueError, match="diverged"):
        peer_io.to_uint8(np.array([0.0, np.nan]))


def test_outputs_are_whole_or_absent(tmp_path: Path) -> None:
    out = tmp_path / "out"
    peer_io.write_npy(out / "samples.npy", some_faces(3))
    np.testing.assert_array_equal(np.load(out / "samples.npy"), some_faces(3))
    peer_io.write_json(out / "facts.json", {"seed": 0})
    with pytest.raises(ValueError, match="JSON"):
        peer_io.write_json(out / "facts.json", {"seed": float("nan")})
    assert json.loads((out / "facts.json").read_text()) == {"seed": 0}
    assert sorted(path.name for path in out.iterdir()) == ["facts.json", "samples.npy"]


@pytest.mark.parametrize(
    ("name", "script", "size_px"), [("keras", "keras_vae.py", 32), ("pythae", "pythae_methods.py", 64)]
)
def test_peer_writes_what_it_promises(tmp_path: Path, name: PeerName, script: str, size_px: int) -> None:
    if not is_complete(environment_folder(name)):
        pytest.skip(f"the environment of {name} was not made on this machine")
    for part, count in (("train", 8), ("validation", 5)):
        np.save(tmp_path / f"{part}.npy", some_faces(count, size_px))
    arguments = ["--train", "train.npy", "--validation", "validation.npy", "--out", "out"]
    arguments = [str(tmp_path / word) if not word.startswith("--") else word for word in arguments]
    command = [str(peer_environment(name)), str(PEERS / script), *arguments]
    run_command([*command, "--minutes", "0.001", "--samples", "7"], 1, tmp_path / "peer.log", None)
    facts = json.loads((tmp_path / "out" / "facts.json").read_text())
    assert np.load(tmp_path / "out" / "samples.npy").shape == (7, size_px, size_px, 3)
    assert np.load(tmp_path / "out" / "reconstructions.npy").shape == (5, size_px, size_px, 3)
    assert facts["seen_images"] >= 8
    assert facts["train_seconds"] >= 0.06
    assert facts["samples_per_s"] > 0
    assert facts["parameters"]["encoder"] > 0
