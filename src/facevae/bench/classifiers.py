"""Two small classifiers of faces that learn from few: a network on pixels, and a line on frozen features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from facevae.errors import ConfigError, did_you_mean, require
from facevae.images import Photos, to_tensor
from facevae.metrics.extractor import FeatureExtractor
from facevae.metrics.probes import balanced_accuracy

NET_PX = 32
"""Side at which the network sees faces: a quarter of the time of 64 px."""
STEPS, BATCH, RATE = 150, 64, 2e-3
SHIFT_PX = 2
"""Faces are shifted by up to so much, and mirrored, at random: what any training would do anyway."""
INVERSE_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
CHOSEN_ON = 0.25
"""Share of the real faces on which the penalty of the line is chosen."""

Codes = NDArray[np.int64]


class Seen(NamedTuple):
    """Faces as a classifier sees them."""

    x: Tensor  # (N, ...)
    y: Codes  # (N,) classes 0 .. K - 1


class Classifier(Protocol):
    def see(self, photos: Photos) -> Tensor:
        """(N, H, W, 3) uint8 to what it learns from, (N, ...)."""
        ...

    def learn(self, real: Seen, made: Seen | None, classes: int, seed: int) -> Callable[[Tensor], Codes]:
        """A function from faces as it sees them to (N,) classes. Real and made faces count as much."""
        ...


class PixelNet:
    """Four convolutions from scratch, as many steps whatever there is to learn from; half of each batch is
    made where there are made faces. Batches are balanced over classes."""

    def see(self, photos: Photos) -> Tensor:
        return F.interpolate(to_tensor(photos), (NET_PX, NET_PX), mode="bilinear", antialias=True)

    def learn(self, real: Seen, made: Seen | None, classes: int, seed: int) -> Callable[[Tensor], Codes]:
        draw = np.random.default_rng(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = _network(classes)
            optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.05)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
            net.train()
            for _ in range(STEPS):
                halves = [(real, BATCH)] if made is None else [(real, BATCH // 2), (made, BATCH // 2)]
                picked = [(faces, _balanced(faces.y, count, draw)) for faces, count in halves]
                x = torch.cat([_moved(faces.x[at], draw) for faces, at in picked])
                y = np.concatenate([faces.y[at] for faces, at in picked])
                loss = F.cross_entropy(net(x), torch.from_numpy(y), label_smoothing=0.1)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
        net.eval()

        @torch.no_grad()
        def predict(x: Tensor) -> Codes:
            return torch.cat([net(part).argmax(dim=1) for part in torch.split(x, 256)]).numpy()

        return predict


class FeatureLine:
    """Logistic regression on the frozen features of the judge (docs/evaluate.md), which know faces of the
    world but not this data. Its penalty is chosen on a share of the real faces."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self.extractor = extractor

    def see(self, photos: Photos) -> Tensor:
        return self.extractor(photos)

    def learn(self, real: Seen, made: Seen | None, classes: int, seed: int) -> Callable[[Tensor], Codes]:
        del classes
        linear = require("sklearn.linear_model", "evaluate", "the classifier on features")
        centre, spread = real.x.mean(dim=0), real.x.std(dim=0) + 1e-6

        def plain(x: Tensor) -> NDArray[np.float32]:
            values: NDArray[np.float32] = ((x - centre) / spread).numpy()
            return values

        def fit(chosen: Codes, penalty: float) -> Callable[[Tensor], Codes]:
            x, y = [plain(real.x[chosen])], [real.y[chosen]]
            weights = [np.full(len(chosen), 1.0)]
            if made is not None:
                x, y = [*x, plain(made.x)], [*y, made.y]
                weights.append(np.full(len(made.y), len(chosen) / len(made.y)))
            model = linear.LogisticRegression(C=penalty, class_weight="balanced", tol=1e-3, max_iter=500)
            model.fit(np.concatenate(x), np.concatenate(y), np.concatenate(weights))
            return lambda x: np.asarray(model.predict(plain(x)), dtype=np.int64)

        order = np.random.default_rng(seed).permutation(len(real.y))
        aside, rest = np.split(order, [max(1, int(CHOSEN_ON * len(order)))])
        scores = [
            balanced_accuracy(fit(rest, penalty)(real.x[aside]), real.y[aside])
            for penalty in INVERSE_PENALTIES
        ]
        return fit(order, INVERSE_PENALTIES[int(np.argmax(scores))])


CLASSIFIERS: dict[str, str] = {
    "cnn": "a small network on pixels, from scratch",
    "features": "logistic regression on frozen features",
}


def make_classifier(name: str, device: torch.device) -> Classifier:
    """The classifier of this name. Raises ConfigError for another name, MissingExtraError for 'features'
    without the extra 'evaluate'."""
    if name == "cnn":
        return PixelNet()
    if name == "features":
        return FeatureLine(FeatureExtractor(device))
    raise ConfigError(
        f"there is no classifier '{name}'. There are: {', '.join(CLASSIFIERS)}."
        + did_you_mean(name, CLASSIFIERS)
    )


def _network(classes: int) -> nn.Sequential:
    """(B, 3, 32, 32) to (B, K); 0.2 M parameters."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 32), (32, 64), (64, 96), (96, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, classes)
    )


def _balanced(y: Codes, count: int, draw: np.random.Generator) -> Codes:
    """(count,) positions, every class as likely as the others."""
    weights = 1.0 / np.bincount(y)[y]
    return draw.choice(len(y), count, p=weights / weights.sum())


def _moved(x: Tensor, draw: np.random.Generator) -> Tensor:
    """Half of the faces mirrored, each shifted."""
    mirrored = torch.from_numpy(draw.random(len(x)) < 0.5)
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    padded = F.pad(x, (SHIFT_PX,) * 4, mode="replicate")
    places = draw.integers(0, 2 * SHIFT_PX + 1, (len(x), 2)).tolist()
    side = x.shape[-1]
    return torch.stack(
        [p[:, top : top + side, left : left + side] for p, (top, left) in zip(padded, places, strict=True)]
    )
