"""Networks and losses: shapes at every size, conditioning, gradients, terms."""

from __future__ import annotations

import math

import pytest
import torch

from facevae.attributes import AGE, EXPRESSION, GENDER, Schema
from facevae.config import SIZES_PX, ModelConfig, preset
from facevae.discriminator import DiscriminatorHeads
from facevae.distributions import gaussian_nll, kl_to_standard_normal
from facevae.features import LITE0, LITE2, FrozenFeatures, FrozenNet, load_published, perceptual_distance
from facevae.layers import ResidualBlock, Upsample
from facevae.losses import adversarial_vae_loss, free_bits, see, vae_loss
from facevae.model import FaceVAE, VAEOutput

SCHEMA = Schema((AGE, GENDER, EXPRESSION))


def smooth_faces(count: int = 4, size_px: int = 64) -> torch.Tensor:
    """(count, 3, H, W) in -1..1, smooth as photos are."""
    noise = torch.randn(count, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, (size_px, size_px), mode="bicubic").clamp(-1, 1)


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_every_size_goes_through_and_back(size_px: int) -> None:
    model = FaceVAE(ModelConfig(size_px=size_px, latent_dim=8, width=32))
    x = torch.rand(2, 3, size_px, size_px) * 2 - 1
    output = model(x, torch.randn(2, 8))
    assert output.reconstruction.shape == x.shape
    assert output.mean.shape == output.logvar.shape == (2, 8)
    assert float(output.reconstruction.detach().abs().max()) <= 1


def test_small_preset_is_of_the_size_that_the_design_measured() -> None:
    model = FaceVAE(preset("small")[0])
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    assert 7.0 <= millions <= 9.0


def test_attributes_change_posterior_and_face_and_may_be_missing() -> None:
    model = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32, schema=SCHEMA)).eval()
    x, z = smooth_faces(1, 32), torch.randn(1, 8)
    old, young = (torch.tensor([SCHEMA.encode({"age": age, "gender": "male"})]) for age in (80.0, 5.0))
    assert not torch.equal(model.encoder(x, old)[0], model.encoder(x, young)[0])
    assert not torch.equal(model.decoder(z, old), model.decoder(z, young))
    hidden = torch.zeros(1, SCHEMA.width)
    assert torch.equal(model.decoder(z, hidden), model.decoder(z, None))


def test_a_face_is_coded_alike_in_any_batch() -> None:
    model = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32)).eval()
    x = smooth_faces(4, 32)
    alone, together = model.encoder(x[:1])[0], model.encoder(x)[0][:1]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)


def test_residual_block_starts_as_the_identity() -> None:
    x = torch.randn(2, 32, 8, 8)
    assert torch.equal(ResidualBlock(32)(x), x)


def test_upsampling_starts_without_checkerboard() -> None:
    y = Upsample(16, 8)(torch.randn(1, 16, 4, 4))
    assert torch.equal(y[..., ::2, ::2], y[..., 1::2, 1::2])


def test_loss_is_the_negative_elbo_per_pixel_value() -> None:
    _, config = preset("tiny", {"reconstruction": "mse", "pixel_scale": 0.3})
    x = smooth_faces()
    output = VAEOutput(x * 0.9, torch.randn(4, 5), torch.randn(4, 5), x[:0])
    terms = vae_loss(x, output, config, kl_weight=2.0, features=None)
    nll = gaussian_nll(x, output.reconstruction, 0.3).mean()
    kl = kl_to_standard_normal(output.mean, output.logvar).sum(dim=1).mean()
    torch.testing.assert_close(terms.total_loss, (nll + 2 * kl) / x[0].numel())
    torch.testing.assert_close(terms.kl_loss, kl)


@pytest.mark.parametrize("reconstruction", ["mse", "l1", "bce"])
def test_every_likelihood_prefers_the_original(reconstruction: str) -> None:
    _, config = preset("tiny", {"reconstruction": reconstruction})
    x = smooth_faces() * 0.8
    zeros = torch.zeros(4, 5)
    losses = [
        float(vae_loss(x, VAEOutput(y, zeros, zeros, y[:0]), config, 0.0, None).total_loss)
        for y in (x, 0.9 * x, torch.zeros_like(x))
    ]
    assert losses == sorted(losses)


def test_free_bits_stop_the_pull_on_cheap_dimensions_only() -> None:
    kl = torch.tensor([[0.05, 2.0], [0.05, 4.0]], requires_grad=True)
    total = free_bits(kl, 0.1)
    assert float(total.detach()) == pytest.approx(3.1)
    total.backward()
    assert kl.grad is not None
    assert kl.grad.tolist() == [[0, 0.5], [0, 0.5]]


@pytest.fixture(scope="module")
def features() -> FrozenFeatures:
    return FrozenFeatures()


@pytest.mark.parametrize("net", [LITE0, LITE2], ids=lambda net: net.name)
def test_frozen_features_are_those_of_the_published_network(net: FrozenNet) -> None:
    published, ours = load_published(net), FrozenFeatures(net, whole=True)
    x = torch.nn.functional.interpolate(smooth_faces(2), net.size_px)
    with torch.no_grad():
        h = published._swish(published._bn0(published._conv_stem(x)))
        expected = []
        for index, block in enumerate(published._blocks):
            h = block(h)
            if index in net.taps:
                expected.append(h)
        pooled = published.extract_features(x).mean(dim=(2, 3))
    for mine, theirs in zip(ours(x), expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(ours.pooled(x), pooled, atol=2e-3, rtol=1e-3)


def test_perceptual_distance_grows_with_blur_and_is_zero_for_equals(features: FrozenFeatures) -> None:
    noise = 0.3 * torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    x = (smooth_faces() + noise).clamp(-1, 1)
    kernels = [1, 3, 7]
    blurred = [torch.nn.functional.avg_pool2d(x, k, 1, k // 2, count_include_pad=False) for k in kernels]
    distances = [float(perceptual_distance(features, x, y).mean()) for y in blurred]
    assert distances[0] == 0
    assert distances[0] < distances[1] < distances[2]


def test_perceptual_gradients_reach_the_reconstruction_and_no_weight(features: FrozenFeatures) -> None:
    x = smooth_faces(2)
    y = (0.5 * x).requires_grad_()
    perceptual_distance(features.train(), x, y).sum().backward()
    assert not features.training
    assert y.grad is not None
    assert math.isfinite(float(y.grad.abs().sum()))
    assert float(y.grad.abs().sum()) > 0
    assert all(p.grad is None for p in features.parameters())


def test_style_starts_without_effect_and_then_moves_every_block() -> None:
    torch.manual_seed(0)
    decoder = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32, style_width=16)).eval().decoder
    z = torch.randn(2, 8)
    plain = decoder(z)
    for block in (block for stage in decoder.stages for block in stage):
        torch.nn.init.normal_(block.conv_out.weight, std=0.1)
    before = decoder(z)
    for block in (block for stage in decoder.stages for block in stage):
        torch.nn.init.normal_(block.style.weight, std=0.1)
    after = decoder(z)
    assert not torch.equal(plain, before)
    assert not torch.equal(before, after)


def test_detail_adds_nothing_at_first() -> None:
    with_detail = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32, detail_width=16)).eval()
    without = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32, detail_width=0)).eval()
    shared = {name: with_detail.state_dict()[name] for name in without.state_dict()}
    without.load_state_dict(shared)
    z = torch.randn(2, 8)
    assert torch.equal(with_detail.decoder(z), without.decoder(z))


def test_models_of_before_a_field_are_read_as_they_were() -> None:
    old = ModelConfig(size_px=32).to_json()
    for name in ("style_width", "fine_blocks", "detail_width"):
        del old[name]
    read = ModelConfig.from_json(old)
    assert (read.style_width, read.fine_blocks, read.detail_width) == (0, 0, 0)


def test_samples_are_decoded_beside_the_faces_own_latents() -> None:
    model = FaceVAE(ModelConfig(size_px=32, latent_dim=8, width=32, schema=SCHEMA)).eval()
    x, z = smooth_faces(4, 32), torch.randn(2, 8)
    attributes = torch.tensor([SCHEMA.encode({"age": 10.0 * i}) for i in range(4)])
    output = model(x, torch.zeros(4, 8), attributes, z)
    assert output.reconstruction.shape == (4, 3, 32, 32)
    torch.testing.assert_close(output.sampled, model.decoder(z, attributes[:2]), atol=1e-5, rtol=1e-5)


def test_gradient_through_the_thinned_convolutions_is_that_of_the_strided_ones() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    features = FrozenFeatures()
    strided = FrozenFeatures()
    for module in strided.modules():
        if type(module).__name__ == "_ThinnedConv":
            module.__class__ = torch.nn.Conv2d
    gradients = []
    for net in (features, strided):
        x = smooth_faces(2).requires_grad_()
        sum(tap.square().mean() for tap in net(x)).backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_a_perfect_reconstruction_is_seen_as_its_face_whatever_the_augmentation() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    x, zeros = smooth_faces(4), torch.zeros(4, 5)
    _, config = preset("small", {"adversary_weight": 1.0})
    torch.manual_seed(0)
    heads, features = DiscriminatorHeads().requires_grad_(False), FrozenFeatures()
    perfect = VAEOutput(x, zeros, zeros, x.flip(0))
    jitter = torch.rand(len(x), 5)
    terms = adversarial_vae_loss(x, perfect, see(x, perfect, features, (jitter, jitter)), config, 0.0, heads)
    assert float(terms.perceptual_loss) == pytest.approx(0, abs=1e-5)
    blurred = perfect._replace(reconstruction=torch.nn.functional.avg_pool2d(x, 5, 1, 2))
    other = adversarial_vae_loss(x, blurred, see(x, blurred, features, (jitter, jitter)), config, 0.0, heads)
    assert float(other.perceptual_loss) > 0.05
    assert float(other.adversarial_loss) != float(terms.adversarial_loss)
    weighed = terms.reconstruction_loss / x[0].numel() + terms.adversarial_loss
    assert float(terms.total_loss) == pytest.approx(float(weighed), abs=1e-3)
