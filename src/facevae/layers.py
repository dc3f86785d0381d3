"""Building blocks of the networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn

GROUP_CHANNELS = 16
"""Channels per normalisation group; every width of a preset is a multiple of it."""


class ResidualBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))), same shape out as in; starts as the identity.

    x: (B, C, H, W) float, C a multiple of 16. style: (B, style_width), or None with style_width 0: it scales
    and shifts what each of the two normalisations gives, and starts without effect. Source: He et al. 2016,
    pre-activation form, with the group normalisation of Wu and He 2018 (no batch statistics, so a face's code
    never depends on its batch); adaptive normalisation of Dhariwal and Nichol 2021, equation 7.
    """

    def __init__(self, channels: int, style_width: int = 0) -> None:
        super().__init__()
        self.norm_in = group_norm(channels)
        self.conv_in = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm_out = group_norm(channels)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]
        self.style = nn.Linear(style_width, 4 * channels) if style_width else None
        if self.style is not None:
            nn.init.zeros_(self.style.weight)
            nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        moves: Sequence[Tensor | None] = (None,) * 4
        if self.style is not None and style is not None:
            moves = self.style(style)[:, :, None, None].chunk(4, dim=1)  # (B, C, 1, 1) each
        h = self.conv_in(F.silu(_moved(self.norm_in(x), *moves[:2])))
        out: Tensor = x + self.conv_out(F.silu(_moved(self.norm_out(h), *moves[2:])))
        return out


def _moved(h: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
    return h if scale is None or shift is None else h * (1 + scale) + shift


class Upsample(nn.Module):
    """(B, C_in, H, W) to (B, C_out, 2H, 2W): convolution, then pixel-shuffle (Shi et al. 2016)."""

    def __init__(self, channels_in: int, channels_out: int, kernel_px: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, 4 * channels_out, kernel_px, padding=kernel_px // 2)
        # The four sub-pixels of a cell start equal (Aitken et al. 2017), so that no checkerboard is learned.
        with torch.no_grad():
            quarter = self.conv.weight[::4].clone()
            self.conv.weight.copy_(quarter.repeat_interleave(4, dim=0))
            self.conv.bias.zero_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.conv(x), 2)


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of the whole batch, of which each process has an equal share.

    x: (B, C, H, W), same shape out. Source: Ioffe and Szegedy 2015. In one process it is nn.BatchNorm2d;
    nn.SyncBatchNorm does the same, but not on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        count = process_count()
        if not self.training or count == 1:
            alone: Tensor = super().forward(x)
            return alone
        out, mean, variance = _NormalisedTogether.apply(x, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
        self._remember(mean, variance, count * x.numel() // x.shape[1])
        normalised: Tensor = out
        return normalised

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, places: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (places / (places - 1)), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class _NormalisedTogether(torch.autograd.Function):
    """(x normalised, mean (C,), variance (C,)) by all processes' x; gradients as `mean_over_processes`.

    Written out around the kernels of one process's batch normalisation: left to autograd, the passes over
    x in float32 took a quarter of an adversary's step on two cores.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = torch.zeros_like(bias), torch.ones_like(bias)
        torch.batch_norm_update_stats(x, mean, variance, 1.0)  # of this process; float32 where x is bf16
        places = x.numel() // x.shape[1]
        variance = variance * (places - 1) / places
        mean, square = _summed(torch.stack([mean, variance + mean.square()])) / process_count()  # (C,) each
        variance = square - mean.square()
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        out = F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)
        return out, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, variance = ctx.saved_tensors
        # As if mean and variance were constants: (g weight / std, sums of g x_hat and of g).
        direct, for_weight, for_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        places = process_count() * x.numel() // x.shape[1]
        with_x_hat, alone = _summed(torch.stack([for_weight, for_bias])) / places  # (C,) each
        std_inverse = (variance + ctx.eps).rsqrt()
        slope = weight * std_inverse.square() * with_x_hat
        level = weight * std_inverse * alone - slope * mean
        through = torch.addcmul(level[:, None, None].to(x), x, slope[:, None, None].to(x))
        return direct - through, for_weight, for_bias, None


def process_count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def mean_over_processes(x: Tensor) -> Tensor:
    """The mean of `x` over all processes, which all of them must ask for; differentiable.

    The gradient is that of the sum of all processes' losses, whose mean the engine takes afterwards.
    """
    count = process_count()
    return x if count == 1 else _SumOverProcesses.apply(x) / count  # type: ignore[no-untyped-call]


class _SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        return _summed(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        del ctx
        return _summed(gradient)


def _summed(x: Tensor) -> Tensor:
    total = x.detach().clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with groups of GROUP_CHANNELS channels."""
    return nn.GroupNorm(max(1, channels // GROUP_CHANNELS), channels)


M = TypeVar("M", bound=nn.Module)


def place(module: M, device: torch.device) -> M:
    """The module on `device`, weights channels last: twice the speed of the default on CPU with bf16."""
    module.to(device)
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


def blocks_within(blocks: int, weights: Mapping[str, Tensor]) -> None:
    """Raise ValueError for stored settings that ask for more blocks than there are weights: making them all
    could take for ever."""
    if not 0 <= blocks <= len(weights):
        raise ValueError(f"{blocks} blocks, but {len(weights)} weights")


def parameter_count(module: nn.Module) -> int:
    """How many numbers a module's parameters hold."""
    return sum(p.numel() for p in module.parameters())


def smoothed(x: Tensor, share: float) -> Tensor:
    """(B, C, H, W), each pixel with `share` of both its neighbours in its place: down, then across.

    The kernel (share, 1 - 2 share, share) leaves a pattern that alternates from pixel to pixel 1 - 4 share of
    its height, and slow ones nearly all. Beyond the edges, the outermost pixels are repeated.
    """
    for axis in (2, 3):
        size = x.shape[axis]
        before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, size - 1)], dim=axis)
        after = torch.cat([x.narrow(axis, 1, size - 1), x.narrow(axis, size - 1, 1)], dim=axis)
        x = (1 - 2 * share) * x + share * (before + after)
    return x
