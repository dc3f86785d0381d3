"""The adversary sees, is trained alone, and its augmentation keeps gradients."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra 'perceptual'")

from facevae.discriminator import (
    FeatureDiscriminator,
    adversarial_loss,
    augment_differentiably,
    discriminator_hinge_loss,
)
from facevae.features import FrozenFeatures

from .conftest import blob_faces


@pytest.fixture(scope="module")
def adversary() -> FeatureDiscriminator:
    torch.manual_seed(0)
    return FeatureDiscriminator(FrozenFeatures())


def faces(count: int) -> torch.Tensor:
    return torch.from_numpy(blob_faces(count, 32)).permute(0, 3, 1, 2) / 127.5 - 1


def test_only_the_heads_are_trained(adversary: FeatureDiscriminator) -> None:
    trained = {name.split(".")[0] for name, p in adversary.named_parameters() if p.requires_grad}
    assert trained == {"heads"}


def test_gradients_reach_the_picture(adversary: FeatureDiscriminator) -> None:
    x = faces(4).requires_grad_()
    draw = torch.Generator().manual_seed(0)
    adversarial_loss(adversary(augment_differentiably(x, draw))).backward()
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0


def test_the_adversary_learns_to_tell_faces_from_noise() -> None:
    torch.manual_seed(0)
    adversary = FeatureDiscriminator(FrozenFeatures())
    real, fake = faces(16), torch.rand(16, 3, 32, 32) * 2 - 1
    optimizer = torch.optim.Adam(adversary.heads.parameters(), lr=5e-3)
    losses = []
    for _ in range(30):
        loss = discriminator_hinge_loss(adversary(real), adversary(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_hinge_losses_weigh_depths_alike() -> None:
    fine, coarse = torch.full((2, 1, 8, 8), 2.0), torch.full((2, 1, 1, 1), -2.0)
    assert float(discriminator_hinge_loss([fine, coarse], [-fine, -coarse])) == pytest.approx((0 + 6) / 2)
    assert float(adversarial_loss([fine, coarse])) == 0


def test_augmentation_is_repeatable_and_differs_per_image() -> None:
    x = faces(1).expand(4, -1, -1, -1)
    a, b = (augment_differentiably(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert not torch.allclose(a[0], a[1])
    assert a.shape == x.shape
