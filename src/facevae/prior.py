"""What latents are sampled from. The aggregate posterior is not N(0, I), so a prior is fitted to it.

A prior has `fit` (a constructor), `sample` and `log_prob`, and saves as tensors and JSON settings. The
learned one, which also has controls and runs backwards, is in flow.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from facevae.attributes import Schema
from facevae.errors import CheckpointError, ControlError, require
from facevae.flow import FlowPrior


class Prior(Protocol):
    """Density over latents z, (N, D) float32."""

    kind: ClassVar[str]

    @property
    def latent_dim(self) -> int: ...

    @property
    def schema(self) -> Schema:
        """The attributes that samples can be asked for; empty but for the flow."""
        ...

    @property
    def default_guidance(self) -> float:
        """The guidance that samples are drawn with when none is asked for."""
        ...

    def sample(
        self,
        noise: Tensor,
        choice: Tensor,
        truncation: float = 1.0,
        attributes: Tensor | None = None,
        guidance: float = 1.0,
    ) -> Tensor:
        """(N, D) latents from noise ~ N(0, I), (N, D), and choice ~ U(0, 1), (N,): random by those alone.

        truncation 0..1 pulls latents to the centre of their component: less diverse, more typical.
        attributes: (N, A) as `schema` encodes them, None for any. guidance: see FlowPrior. Raises
        ControlError for attributes given to a prior without any.
        """
        ...

    def somebody(self, choice: Tensor) -> Tensor | None:
        """(N, A) attributes to sample with when none are asked for; None for a prior that needs none."""
        ...

    def log_prob(self, z: Tensor) -> Tensor:
        """(N,) log-densities of z (N, D), nats."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What `load_prior` needs to build it again, with `settings`. Fit for float16."""
        ...

    def settings(self) -> dict[str, Any]:
        """What tensors cannot say, as JSON."""
        ...


class _WithoutControls:
    """What priors without attributes share."""

    schema = Schema()
    default_guidance = 1.0

    def settings(self) -> dict[str, Any]:
        return {}

    def somebody(self, choice: Tensor) -> Tensor | None:
        del choice
        return None


class NormalPrior(_WithoutControls):
    """N(0, I): the prior that the KL term pulls towards."""

    kind: ClassVar[str] = "normal"

    def __init__(self, latent_dim: int) -> None:
        self._latent_dim = latent_dim

    @property
    def latent_dim(self) -> int:
        return self._latent_dim

    def sample(
        self,
        noise: Tensor,
        choice: Tensor,
        truncation: float = 1.0,
        attributes: Tensor | None = None,
        guidance: float = 1.0,
    ) -> Tensor:
        del choice, guidance
        _no_attributes(attributes, self.kind)
        return truncation * noise

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * (z.square().sum(dim=1) + self._latent_dim * math.log(2 * math.pi))

    def tensors(self) -> dict[str, Tensor]:
        return {"latent_dim": torch.tensor(self._latent_dim)}


class GaussianMixturePrior(_WithoutControls):
    """Mixture of K Gaussians with full covariances, fitted to samples of the aggregate posterior.

    weights: (K,), sums to 1. means: (K, D). factors: (K, D, D) lower triangular, covariance = L L^T.
    Source: Ghosh et al. 2020 (RAE), section 4, ex-post density estimation.
    """

    kind: ClassVar[str] = "gmm"

    def __init__(self, weights: Tensor, means: Tensor, factors: Tensor) -> None:
        self.weights, self.means, self.factors = weights, means, factors

    @classmethod
    def fit(cls, z: Tensor, components: int, seed: int = 0) -> GaussianMixturePrior:
        """Expectation-maximisation on z, (N, D). Fewer components when N is too small for `components`.

        Deterministic for a seed. Raises MissingExtraError without the extra 'gmm'.
        """
        mixture = require("sklearn.mixture", "gmm", "the Gaussian-mixture prior")
        count, latent_dim = z.shape
        components = max(1, min(components, count // (2 * latent_dim)))
        model = mixture.GaussianMixture(
            components, covariance_type="full", reg_covar=1e-3, max_iter=60, tol=1e-2, random_state=seed
        )
        model.fit(z.double().cpu().numpy())
        factors = np.linalg.cholesky(model.covariances_)  # (K, D, D)
        return cls(*(torch.from_numpy(a).float() for a in (model.weights_, model.means_, factors)))

    @classmethod
    def from_moments(cls, z: Tensor) -> GaussianMixturePrior:
        """One Gaussian with the mean and covariance of z, (N, D); needs no extra."""
        covariance = torch.cov(z.T.double()) + 1e-3 * torch.eye(z.shape[1], dtype=torch.float64)
        factor = torch.linalg.cholesky(covariance).float()
        return cls(torch.ones(1), z.mean(dim=0)[None], factor[None])

    @property
    def latent_dim(self) -> int:
        return self.means.shape[1]

    def sample(
        self,
        noise: Tensor,
        choice: Tensor,
        truncation: float = 1.0,
        attributes: Tensor | None = None,
        guidance: float = 1.0,
    ) -> Tensor:
        del guidance
        _no_attributes(attributes, self.kind)
        edges = self.weights.cumsum(0)[:-1].contiguous()
        component = torch.bucketize(choice, edges)  # (N,)
        deviation = torch.einsum("nij,nj->ni", self.factors[component], noise)  # (N, D)
        return self.means[component] + truncation * deviation

    def log_prob(self, z: Tensor) -> Tensor:
        deviation = (z[None] - self.means[:, None]).transpose(1, 2)  # (K, D, N)
        white = torch.linalg.solve_triangular(self.factors, deviation, upper=False)  # (K, D, N)
        log_det = self.factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)  # (K,)
        log_norm = log_det + 0.5 * self.latent_dim * math.log(2 * math.pi)
        per_component = self.weights.log()[:, None] - 0.5 * white.square().sum(dim=1) - log_norm[:, None]
        return torch.logsumexp(per_component, dim=0)  # (N,)

    def tensors(self) -> dict[str, Tensor]:
        rows, columns = torch.tril_indices(self.latent_dim, self.latent_dim)
        return {"weights": self.weights, "means": self.means, "factors": self.factors[:, rows, columns]}


def load_prior(kind: str, tensors: dict[str, Tensor], settings: Mapping[str, Any] | None = None) -> Prior:
    """The prior of this kind from its `tensors()` and `settings()`, float32.

    Raises CheckpointError for an unknown kind, KeyError or RuntimeError for tensors of another.
    """
    if kind == NormalPrior.kind:
        return NormalPrior(int(tensors["latent_dim"]))
    if kind == GaussianMixturePrior.kind:
        means = tensors["means"].float()  # (K, D)
        components, latent_dim = means.shape
        factors = torch.zeros(components, latent_dim, latent_dim)
        rows, columns = torch.tril_indices(latent_dim, latent_dim)
        factors[:, rows, columns] = tensors["factors"].float()
        weights = tensors["weights"].float()
        return GaussianMixturePrior(weights / weights.sum(), means, factors)
    if kind == FlowPrior.kind:
        return FlowPrior.from_saved(tensors, settings or {})
    raise CheckpointError(
        f"this version of facevae has no prior of kind '{kind}'; it has normal, gmm and flow"
    )


def _no_attributes(attributes: Tensor | None, kind: str) -> None:
    if attributes is not None:
        raise ControlError(f"the {kind} prior has no controls: fit a flow with `facevae prior` to have them.")
