"""The adversary sees, is trained alone, and its augmentation keeps gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra 'perceptual'")

from facevae.adversary import make_adversary
from facevae.config import preset
from facevae.discriminator import (
    DiscriminatorHeads,
    FeatureDiscriminator,
    adversarial_loss,
    augment_differentiably,
    discriminator_hinge_loss,
    draw_jitter,
)
from facevae.engine import make_accelerator
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
    jitter = draw_jitter(4, torch.Generator().manual_seed(0))
    adversarial_loss(adversary(augment_differentiably(x, jitter))).backward()
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


def test_told_heads_learn_whether_a_face_shows_what_it_was_asked_for() -> None:
    """Real and made faces are the same ones; only what is said of them is wrong for the made ones."""
    torch.manual_seed(0)
    features, heads = FrozenFeatures(), DiscriminatorHeads(attribute_width=2)
    plain = faces(16)
    taps = features(torch.cat([plain - 0.3, plain + 0.3]).clamp(-1, 1))
    dark, light = torch.tensor([1.0, 0.0]).expand(16, 2), torch.tensor([0.0, 1.0]).expand(16, 2)
    right, wrong = torch.cat([dark, light]), torch.cat([light, dark])
    optimizer = torch.optim.Adam(heads.parameters(), lr=2e-2)
    for _ in range(50):
        loss = discriminator_hinge_loss(heads(taps, right), heads(taps, wrong))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.5  # 2 is what heads reach that are told nothing
    nothing = torch.zeros(32, 2)
    heads.eval().requires_grad_(False)
    assert float(adversarial_loss(heads(taps, nothing))) == float(adversarial_loss(heads(taps)))


def test_the_adversary_is_told_of_faces_what_the_data_says_and_of_samples_what_was_asked() -> None:
    _, config = preset("small", {"adversary_condition_on": ("smile",), "batch_size": 8})
    accelerator = make_accelerator(config, "cpu")
    adversary = make_adversary(config, accelerator.device)
    adversary.attributes = torch.tensor([[index / 100, 1.0] for index in range(100)])
    adversary.latents, adversary.asked = torch.arange(50.0)[:, None], torch.arange(50.0)[:, None].repeat(1, 2)
    faces = np.array([3, 1, 4, 15, 9, 26, 5, 35])
    one, again = (adversary.draw(config, 64, 1, faces, accelerator) for _ in range(2))
    assert one.told is not None
    assert one.latents is not None
    assert again.told is not None
    assert torch.equal(one.told, again.told)
    of_faces, of_samples = one.told[:8], one.told[8:]
    assert torch.equal(of_samples[:, :1], one.latents)
    shown = of_faces.any(dim=1)
    assert int(shown.sum()) > 0
    assert torch.equal(of_faces[shown], adversary.attributes[torch.from_numpy(faces)][shown])


def test_hinge_losses_weigh_depths_alike() -> None:
    fine, coarse = torch.full((2, 1, 8, 8), 2.0), torch.full((2, 1, 1, 1), -2.0)
    assert float(discriminator_hinge_loss([fine, coarse], [-fine, -coarse])) == pytest.approx((0 + 6) / 2)
    assert float(adversarial_loss([fine, coarse])) == 0


def test_augmentation_is_repeatable_and_differs_per_image() -> None:
    x = faces(1).expand(4, -1, -1, -1)
    a, b = (augment_differentiably(x, draw_jitter(4, torch.Generator().manual_seed(3))) for _ in range(2))
    assert torch.equal(a, b)
    assert not torch.allclose(a[0], a[1])
    assert a.shape == x.shape
