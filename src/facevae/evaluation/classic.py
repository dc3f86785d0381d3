"""Classic FID and KID, on Inception features, where their weights are."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facevae.digests import check_sum
from facevae.errors import CheckpointError
from facevae.evaluation.pictures import figure
from facevae.evaluation.real import RealFaces, StageProgress, silent
from facevae.images import Photos
from facevae.metrics.frechet import frechet_distance
from facevae.metrics.kernel import kernel_distance

WEIGHTS_NAME = "weights-inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS_NAME}"
WEIGHTS_SHA256 = "6726825d"
"""Its first digits, which the publisher put into the name."""
BATCH = 32


def classic_figures(
    photos: Photos,
    real: RealFaces,
    weights: str | Path | None,
    seed: int,
    progress: StageProgress = silent,
) -> dict[str, Any]:
    """FID (Heusel et al. 2017) and KID (Binkowski et al. 2018) of samples, or {'absent': why, and how to}.

    weights: torch-fidelity's Inception file; None looks where torch keeps downloads, and nothing is ever
    downloaded. Same reference and floor as the other figures. Raises CheckpointError when the file given is
    absent or no Inception file.
    """
    path = Path(weights) if weights else Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_NAME
    if not path.is_file():
        if weights:
            raise CheckpointError(
                f"there are no Inception weights at {path}. Download them from {WEIGHTS_URL}"
            )
        return {
            "absent": "FID needs the Inception weights, which are not on this machine: download "
            f"{WEIGHTS_URL} and give it with --inception-weights; pip install torch-fidelity torchvision."
        }
    try:
        net = load_inception(path)
    except ImportError as error:
        return {"absent": f"FID needs torch-fidelity ({error}): pip install torch-fidelity torchvision."}
    sets = {
        "samples": photos,
        "reference": real.train[real.reference],
        "other": real.train[real.other],
    }
    features = {name: _features(net, faces, name, progress) for name, faces in sets.items()}
    fake, reference, other = features["samples"], features["reference"], features["other"]
    kid, spread = kernel_distance(reference, fake, seed)
    floor = kernel_distance(reference, other, seed)[0]
    return {
        "fid": figure(frechet_distance(reference, fake), len(fake), frechet_distance(reference, other)),
        "kid": figure(kid, len(fake), floor, spread),
    }


def load_inception(path: Path) -> Any:
    """torch-fidelity's Inception network: (B, 3, H, W) uint8 to ((B, 2048),).

    Raises ImportError where torch-fidelity cannot be imported, CheckpointError when the file holds anything
    but tensors.
    """
    module = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    try:
        check_sum(path, WEIGHTS_SHA256)
        # torch-fidelity loads with the full unpickler: what the one that refuses code accepts is safe for it.
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path} is not the Inception file of {WEIGHTS_URL}: {error}") from error
    return module.FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(path))


@torch.no_grad()
def _features(net: Any, photos: Photos, name: str, progress: StageProgress) -> Tensor:
    parts = []
    for start in range(0, len(photos), BATCH):
        batch = torch.from_numpy(photos[start : start + BATCH]).permute(0, 3, 1, 2)  # (B, 3, H, W)
        parts.append(net(batch)[0].float())
        progress(f"Inception features: {name}", min(start + BATCH, len(photos)), len(photos))
    return torch.cat(parts)
