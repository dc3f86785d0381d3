"""The flow: it learns what it is given, by class and over all, runs both ways and knows its density."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from facevae.attributes import Schema
from facevae.errors import DataError
from facevae.flow import FlowPrior, VelocityNet, strength
from facevae.flow_fit import fit_flow, mirrored_rows
from facevae.prior import load_prior

SCHEMA = Schema.from_names(("gender", "age"))
DIM = 8
CENTRES = {"female": 3.0, "male": -1.0}
STD = 0.5


def people(count: int = 2000) -> tuple[Tensor, list[dict[str, str | float | None]]]:
    """Posterior means: gender decides dimension 0 (two in three are female), age the other one, of bins."""
    draw = torch.Generator().manual_seed(0)
    mean = STD * torch.randn(count, DIM, generator=draw)
    rows: list[dict[str, str | float | None]] = []
    for index in range(count):
        gender, low = ("male" if index % 3 == 0 else "female"), 20.0 * (index % 4)
        mean[index, 0] += CENTRES[gender]
        mean[index, 1] += low / 20
        rows.append({"gender": None if index % 7 == 0 else gender, "age": low + 5, "age_low": low,
                     "age_high": low + 10})  # fmt: skip
    return mean, rows


def fitted(seed: int = 0, steps: int = 500) -> FlowPrior:
    mean, rows = people()
    logvar = torch.full_like(mean, 2 * math.log(STD))
    return fit_flow(mean, logvar, rows, SCHEMA, steps, width=64, blocks=2, batch_size=256, seed=seed)


@pytest.fixture(scope="module")
def flow() -> FlowPrior:
    return fitted()


def noise(count: int = 2000) -> Tensor:
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(1))


def draw(flow: FlowPrior, guidance: float = 1.0, truncation: float = 1.0, **row: str | float) -> Tensor:
    attributes = torch.tensor(flow.schema.encode(row)).expand(2000, -1) if row else None
    return flow.sample(noise(), torch.zeros(2000), truncation, attributes, guidance)


def test_samples_have_the_moments_of_the_aggregate_posterior(flow: FlowPrior) -> None:
    mean, _ = people()
    z = mean + STD * torch.randn(mean.shape, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(draw(flow).mean(dim=0), z.mean(dim=0), atol=0.15, rtol=0)
    torch.testing.assert_close(draw(flow).std(dim=0), z.std(dim=0), atol=0.2, rtol=0)


def test_each_class_gets_its_own_place(flow: FlowPrior) -> None:
    for gender, centre in CENTRES.items():
        assert float(draw(flow, gender=gender)[:, 0].mean()) == pytest.approx(centre, abs=0.25)
    ages = [float(draw(flow, age=age)[:, 1].mean()) for age in (5.0, 25.0, 45.0, 65.0)]
    assert ages == pytest.approx([0, 1, 2, 3], abs=0.35)


def test_attributes_that_are_all_masked_are_none_at_all(flow: FlowPrior) -> None:
    masked = torch.zeros(2000, SCHEMA.width)
    assert torch.equal(flow.sample(noise(), torch.zeros(2000), 1.0, masked, 3.0), draw(flow))


def test_guidance_sharpens(flow: FlowPrior) -> None:
    wrong = [float((draw(flow, g, age=65.0)[:, 1] < 2.5).float().mean()) for g in (0.0, 1.0, 2.0)]
    assert wrong[0] > wrong[1] > wrong[2]
    assert torch.allclose(draw(flow, 0.0, age=65.0), draw(flow), atol=1e-4)


def test_guidance_pulls_more_where_only_categories_are_asked_for() -> None:
    rows = ({"gender": "male"}, {"age": 30.0}, {"gender": "male", "age": 30.0})
    known = torch.tensor([SCHEMA.encode(row) for row in rows])
    assert strength(known, SCHEMA, 2.0, 2.0).flatten().tolist() == [3.0, 2.0, 2.0]
    assert strength(known, SCHEMA, 1.0, 2.0).flatten().tolist() == [1.0, 1.0, 1.0]


def test_truncation_makes_samples_more_typical(flow: FlowPrior) -> None:
    spreads = [float(draw(flow, truncation=t, gender="male").std(dim=0).mean()) for t in (1.0, 0.7, 0.3)]
    assert spreads == sorted(spreads, reverse=True)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_there_and_back_is_the_identity(flow: FlowPrior, guidance: float) -> None:
    attributes = torch.tensor(SCHEMA.encode({"gender": "male"})).expand(2000, -1)
    z = flow.sample(noise(), torch.zeros(2000), 1.0, attributes, guidance)
    back = flow.invert(z, attributes, guidance)
    assert float((back - noise()).square().mean().sqrt()) < 0.03
    again = flow.sample(back, torch.zeros(2000), 1.0, attributes, guidance)
    assert float((again - z).square().mean().sqrt()) < 0.03


def test_density_of_a_linear_flow_is_its_gaussian() -> None:
    """v = A x with constant A makes z = expm(A) noise."""
    a = 0.2 * torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(0)) + 0.3 * torch.eye(DIM)

    class Linear(VelocityNet):
        def forward(self, x: Tensor, t: Tensor, attributes: Tensor) -> Tensor:
            del t, attributes
            return x @ a.T

    centre, spread = torch.arange(DIM).float(), torch.linspace(0.5, 2, DIM)
    flow = FlowPrior(Linear(DIM, 0, 16, 1), centre, spread.diag(), Schema(), steps=32)
    factor = spread[:, None] * torch.linalg.matrix_exp(a)
    z = centre + noise(500) @ factor.T
    torch.testing.assert_close(flow.sample(noise(500), torch.zeros(500)), z, atol=1e-2, rtol=1e-3)
    expected = torch.distributions.MultivariateNormal(centre, factor @ factor.T).log_prob(z)
    torch.testing.assert_close(flow.log_prob(z), expected, atol=1.0, rtol=0)
    assert float(flow.log_prob(z).mean()) == pytest.approx(float(expected.mean()), abs=0.05)


def test_density_is_near_that_of_the_data_and_repeats_itself(flow: FlowPrior) -> None:
    draws = torch.Generator().manual_seed(3)
    mean, _ = people()
    z = mean + STD * torch.randn(mean.shape, generator=draws)
    spread = math.sqrt(2) * STD
    places = torch.distributions.Normal(torch.zeros(DIM), spread)
    rest = places.log_prob(torch.cat([torch.zeros(len(z), 2), z[:, 2:]], dim=1))[:, 2:].sum(dim=1)
    parts = [
        math.log(share / 4) + torch.distributions.Normal(centre, spread).log_prob(z[:, 0])
        + torch.distributions.Normal(float(step), spread).log_prob(z[:, 1])
        for share, centre in ((2 / 3, 3.0), (1 / 3, -1.0)) for step in range(4)
    ]  # fmt: skip
    expected = torch.logsumexp(torch.stack(parts), dim=0) + rest
    ours = flow.log_prob(z)
    assert float(ours.mean()) == pytest.approx(float(expected.mean()), abs=0.3)
    assert torch.equal(flow.log_prob(z), ours)


def test_without_attributes_it_is_a_prior_like_any_other() -> None:
    mean, _ = people(200)
    flow = fit_flow(mean, torch.zeros_like(mean), [], Schema(), steps=5, width=16, blocks=1)
    again = load_prior("flow", flow.tensors(), flow.settings())
    assert torch.equal(again.sample(noise(4), torch.zeros(4)), flow.sample(noise(4), torch.zeros(4)))


def test_the_same_seed_fits_the_same_flow() -> None:
    first, second, other = (fitted(seed, steps=20).tensors() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["net.stem.weight"], other["net.stem.weight"])


@pytest.mark.parametrize(("dtype", "apart"), [(torch.float32, 0.0), (torch.float16, 0.05)])
def test_saved_flow_gives_the_same_samples(flow: FlowPrior, dtype: torch.dtype, apart: float) -> None:
    flow.default_guidance = 1.5
    tensors = {name: value.to(dtype) for name, value in flow.tensors().items()}
    again = load_prior("flow", tensors, flow.settings())
    assert isinstance(again, FlowPrior)
    assert (again.schema, again.default_guidance, again.category_gain) == (SCHEMA, 1.5, flow.category_gain)
    torch.testing.assert_close(draw(again, age=25.0), draw(flow, age=25.0), atol=apart, rtol=0)


def test_an_attribute_that_no_face_knows_is_refused() -> None:
    mean, rows = people(20)
    with pytest.raises(DataError, match="no training face has a known smile"):
        fit_flow(mean, torch.zeros_like(mean), rows, Schema.from_names(("smile",)), 1, 16, 1)


def test_mirrored_faces_look_the_other_way() -> None:
    assert mirrored_rows([{"yaw": 0.1, "age": 3.0}, {"yaw": None}]) == [
        {"yaw": -0.1, "age": 3.0}, {"yaw": None}
    ]  # fmt: skip


def test_somebody_is_distributed_as_the_data_and_decided_by_choice(flow: FlowPrior) -> None:
    choice = torch.rand(4000, generator=torch.Generator().manual_seed(0))
    somebody, (_, rows) = flow.somebody(choice), people()
    assert somebody is not None
    again = flow.somebody(choice.flip(0))
    assert again is not None
    assert torch.equal(somebody, again.flip(0))
    of_data = torch.tensor([SCHEMA.encode(row) for row in rows])
    torch.testing.assert_close(somebody.mean(dim=0), of_data.mean(dim=0), atol=0.05, rtol=0)
