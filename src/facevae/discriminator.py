"""The adversary: light heads that tell real from made faces by what a frozen network sees in them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from facevae.features import FrozenFeatures
from facevae.layers import SharedBatchNorm

HEAD_CHANNELS = 64
TAP_CHANNELS = (16, 24, 40, 112)
TAP_STRIDES = (2, 1, 1, 1)
"""Of each head: the finest tap has as many places as the other three together three times over, and a head
that looks at every one of them costs as much as the decoder."""


class DiscriminatorHeads(nn.Module):
    """One spectral-normalised head per depth.

    taps: what FrozenFeatures of EfficientNet-Lite0 returns. Returns per depth (B, 1, H_l, W_l) float32
    logits; positive means real. told: (B, A) attributes of each face as a schema of width A encodes them,
    zeros where unknown; each place's features are compared with an embedding of them. Sources: Sauer et al.
    2021 (Projected GANs converge faster), without their random channel mixing; Miyato et al. 2018 (spectral
    normalisation); Miyato and Koyama 2018 (the projection), equation 5.
    """

    def __init__(self, attribute_width: int = 0) -> None:
        super().__init__()
        self.depths = nn.ModuleList(map(_head, TAP_CHANNELS, TAP_STRIDES))
        told = range(len(TAP_CHANNELS) if attribute_width else 0)
        self.embeddings = nn.ModuleList(_embedding(attribute_width) for _ in told)

    def forward(self, taps: Sequence[Tensor], told: Tensor | None = None) -> list[Tensor]:
        logits = []
        for depth, (head, tap) in enumerate(zip(self.depths, taps, strict=True)):
            assert isinstance(head, nn.Sequential)
            features = head[:-1](tap)  # (B, HEAD_CHANNELS, H_l, W_l)
            logit = head[-1](features)
            if told is not None and self.embeddings:
                wanted = self.embeddings[depth](told)[:, :, None, None]
                logit = logit + (features * wanted).sum(dim=1, keepdim=True) / HEAD_CHANNELS**0.5
            logits.append(logit.float())
        return logits


class FeatureDiscriminator(nn.Module):
    """The heads on a frozen EfficientNet-Lite0.

    x: (B, 3, H, W) float in -1..1. Returns the heads' logits. Only the heads are trained; gradients flow
    through the frozen network to x.
    """

    def __init__(self, features: FrozenFeatures) -> None:
        super().__init__()
        self.features = features
        self.heads = DiscriminatorHeads()

    def forward(self, x: Tensor) -> list[Tensor]:
        logits: list[Tensor] = self.heads(self.features(x))
        return logits


def discriminator_hinge_loss(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
    """max(0, 1 - real) + max(0, 1 + fake): means over places and batch, then over depths; a scalar.

    Depths weigh alike: a mean over all places would leave three quarters to the finest one, which sees
    texture only. Source: Lim and Ye 2017 (Geometric GAN), equation 16.
    """
    per_depth = [
        F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        for real, fake in zip(real_logits, fake_logits, strict=True)
    ]
    return torch.stack(per_depth).mean()


def adversarial_loss(fake_logits: Sequence[Tensor]) -> Tensor:
    """What the maker of the faces minimises: minus the mean logit, depths alike; a scalar. Source: as above,
    equation 17."""
    return -torch.stack([fake.mean() for fake in fake_logits]).mean()


def draw_jitter(count: int, draw: torch.Generator) -> Tensor:
    """(count, 5) numbers in 0..1 for `augment_differentiably`: what happens to each of `count` images."""
    return torch.stack([torch.rand(count, generator=draw) for _ in range(5)], dim=1)


def augment_differentiably(x: Tensor, jitter: Tensor) -> Tensor:
    """Random colour and shift, differentiable, so that the heads cannot learn the training faces by heart.

    x: (B, 3, H, W) in -1..1; jitter: (B, 5) on the CPU, as `draw_jitter` gives it. Each image gets its own
    brightness (± .5), saturation (0..2), contrast (.5..1.5) and shift of up to 1/8 of the side, zeros
    outside.
    Source: Zhao et al. 2020 (DiffAugment), policies 'color' and 'translation'.
    """
    height, width = x.shape[2:]
    brightness, saturation, contrast, down, right = jitter.to(x.device).T[
        :, :, None, None, None
    ]  # (B, 1, 1, 1)
    x = x + (brightness - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * 2 * saturation
    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    x = middle + (x - middle) * (contrast + 0.5)
    return _shifted(x, (down - 0.5) / 4 * height, (right - 0.5) / 4 * width)


def _shifted(x: Tensor, down_px: Tensor, right_px: Tensor) -> Tensor:
    height, width = x.shape[2:]
    pad = max(height, width) // 8 + 1
    padded = F.pad(x, (pad, pad, pad, pad))  # (B, 3, H + 2 pad, W + 2 pad)
    tops = (pad + down_px.round().long()).flatten().tolist()
    lefts = (pad + right_px.round().long()).flatten().tolist()
    # Slices rather than one index: the gradient of an index is accumulated ten times more slowly.
    shifted = [
        image[:, top : top + height, left : left + width]
        for image, top, left in zip(padded, tops, lefts, strict=True)
    ]
    return torch.stack(shifted)


def _embedding(attribute_width: int) -> nn.Linear:
    """It starts as zero and has no norm to keep: with a fixed one the heads could not but heed noisy labels,
    and their pull on the decoder fell to a tenth."""
    linear = nn.Linear(attribute_width, HEAD_CHANNELS, bias=False)
    nn.init.zeros_(linear.weight)
    return linear


def _head(channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, HEAD_CHANNELS, 1)),
        SharedBatchNorm(HEAD_CHANNELS),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(HEAD_CHANNELS, HEAD_CHANNELS, 3, stride, padding=1)),
        SharedBatchNorm(HEAD_CHANNELS),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(HEAD_CHANNELS, 1, 1)),
    )
