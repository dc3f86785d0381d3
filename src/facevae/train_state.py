"""What changes while training, and how it is written and read back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facevae.adversary import Adversary, make_adversary
from facevae.checkpoint import load_newest_checkpoint, save_checkpoint
from facevae.config import TrainConfig
from facevae.ema import EMA
from facevae.errors import CheckpointError
from facevae.files import remove_leftovers
from facevae.layers import ResidualBlock, place, process_count
from facevae.model import FaceVAE
from facevae.private import Ledger


@dataclass
class TrainState:
    """Everything that changes while training."""

    model: FaceVAE
    ema: EMA
    optimizer: torch.optim.Optimizer
    step: int = 0
    seen_images: int = 0
    total_images: int | None = None
    """Fixed from the start by `images`, or once the speed is known by `minutes`."""
    trained_seconds: float = 0.0
    adversary: Adversary | None = None
    """None until it is switched on."""
    ledger: Ledger | None = None
    """What each step of private training spends; None in other runs."""
    pass_faces: int | None = None
    """Faces that a process takes through the networks at once: `pass_faces` of the configuration, halved
    whenever memory ran out. None: its whole share of the batch."""

    @property
    def spent(self) -> dict[str, float]:
        """What private training has spent so far: 'dp_epsilon' and 'dp_delta'; empty in other runs."""
        if self.ledger is None:
            return {}
        return {"dp_epsilon": self.ledger.epsilon(self.step), "dp_delta": self.ledger.delta}

    @property
    def done(self) -> bool:
        return self.total_images is not None and self.seen_images >= self.total_images


def make_optimizer(
    model: FaceVAE, config: TrainConfig, betas: tuple[float, float] = (0.9, 0.99)
) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) on what is trained; weight decay on matrices and kernels only."""
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.ndim > 1]
    plain = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)


def switch_adversary_on(state: TrainState, config: TrainConfig, device: torch.device) -> None:
    """Turn to the second phase: averaged weights, a frozen encoder, a new optimiser, fresh heads.

    Momentum of .5: with more, decoder and adversary circle each other (Radford et al. 2016).
    """
    state.model.load_state_dict(state.ema.weights)
    if config.freeze_encoder:
        state.model.encoder.requires_grad_(False)
    state.optimizer = make_optimizer(state.model, config, betas=(0.5, 0.99))
    state.adversary = make_adversary(config, device)


def shard_state(state: TrainState) -> None:
    """Split weights, average, gradients and moments of the autoencoder over the processes (FSDP2), in place.

    Every process must ask for it, with the same `state`. The model then gathers the weights of a block when
    it needs them, and averages gradients over the processes itself. Source: Rajbhandari et al. 2020 (ZeRO),
    stage 3.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor, distribute_tensor

    # Outputs of the model are slices; nothing writes into them.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
    before = list(state.model.parameters())
    for parameter in before:
        parameter.data = parameter.data.contiguous()  # it takes no other layout
    mesh = init_device_mesh(before[0].device.type, (process_count(),))
    for module in [*(m for m in state.model.modules() if isinstance(m, ResidualBlock)), state.model]:
        fully_shard(module, mesh=mesh)
    parts = dict(zip(before, state.model.parameters(), strict=True))

    def split(value: Tensor, like: nn.Parameter) -> Tensor:
        if value.shape != like.shape or not isinstance(like, DTensor):
            return value  # a step count
        own: Tensor = distribute_tensor(value.contiguous(), mesh, like.placements, src_data_rank=None)
        return own

    state.ema.weights = {
        name: split(state.ema.weights[name], part) for name, part in state.model.named_parameters()
    }
    _exchange_parameters(state, parts, split)


def whole_state(state: TrainState) -> TrainState:
    """`state` put together again, on every process, all of which must ask; itself when it is not split."""
    if not hasattr(next(state.model.parameters()), "full_tensor"):
        return state
    with torch.device("meta"):
        model = FaceVAE(state.model.config)
    weights = {name: whole(value.detach()) for name, value in state.model.state_dict().items()}
    model.load_state_dict(weights, assign=True)
    parts = dict(zip(state.model.parameters(), model.parameters(), strict=True))
    for part, parameter in parts.items():
        parameter.requires_grad_(part.requires_grad)
    ema = EMA(place(model, next(model.parameters()).device))
    ema.load({name: whole(value) for name, value in state.ema.weights.items()})
    gathered = replace(state, model=model, ema=ema)
    _exchange_parameters(gathered, parts, lambda value, _: whole(value))
    _match_memory_formats(gathered.optimizer)
    return gathered


def whole(value: Tensor) -> Tensor:
    """A tensor that is split over the processes put together, for all of them; any other as it is."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _exchange_parameters(
    state: TrainState,
    new: Mapping[Any, nn.Parameter],
    convert: Callable[[Tensor, nn.Parameter], Tensor],
) -> None:
    """Give `state` an optimiser of the `new` parameters that stands where that of the old ones stood."""
    old = state.optimizer
    groups = [{**group, "params": [new[p] for p in group["params"]]} for group in old.param_groups]
    state.optimizer = torch.optim.AdamW(groups)
    for parameter, slot in old.state.items():
        place_of = new[parameter]
        state.optimizer.state[place_of] = {name: convert(value, place_of) for name, value in slot.items()}


def averaged_model(state: TrainState) -> FaceVAE:
    """A model with the averaged weights, in evaluation mode, on the training device."""
    device = next(state.model.parameters()).device
    model = place(FaceVAE(state.model.config), device)
    model.load_state_dict(state.ema.weights)
    return model.eval().requires_grad_(False)


def save_state(state: TrainState, folder: Path, keep: int) -> None:
    """Write the whole state as a checkpoint in `folder`, keeping the last `keep`."""
    optimizer, numbers = pack_optimizer(state.optimizer.state_dict())
    groups = {"model": state.model.state_dict(), "ema": state.ema.weights, "optimizer": optimizer}
    values = {
        "step": state.step, "seen_images": state.seen_images, "total_images": state.total_images,
        "trained_seconds": state.trained_seconds, "optimizer": numbers,
    }  # fmt: skip
    if state.adversary is not None:
        moments, numbers = pack_optimizer(state.adversary.optimizer.state_dict())
        groups |= {"adversary": state.adversary.heads.state_dict(), "adversary_optimizer": moments}
        values["adversary_optimizer"] = numbers
    save_checkpoint(folder, groups, values, keep)


def load_state(
    state: TrainState, folder: Path, config: TrainConfig, device: torch.device
) -> list[str] | None:
    """Load the newest intact checkpoint into `state`; None when there is none, else what was passed over."""
    remove_leftovers(folder)
    found = load_newest_checkpoint(folder)
    if found is None:
        return None
    groups, values, problems = found
    try:
        if "adversary" in groups:
            switch_adversary_on(state, config, device)
        state.model.load_state_dict(groups["model"])
        state.ema.load(groups["ema"])
        state.optimizer.load_state_dict(unpack_optimizer(groups["optimizer"], values["optimizer"]))
        _match_memory_formats(state.optimizer)
        if state.adversary is not None:
            optimizer = state.adversary.optimizer
            state.adversary.heads.load_state_dict(groups["adversary"])
            optimizer.load_state_dict(
                unpack_optimizer(groups["adversary_optimizer"], values["adversary_optimizer"])
            )
            _match_memory_formats(optimizer)
        state.step, state.seen_images = values["step"], values["seen_images"]
        state.total_images = state.total_images or values["total_images"]
        state.trained_seconds = values["trained_seconds"]
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"the checkpoints in {folder} are of another model: {error}") from error
    return problems


def pack_optimizer(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state as flat tensors ('3.exp_avg') and plain JSON values: no pickle needed."""
    tensors = {
        f"{index}.{name}": value for index, slot in state["state"].items() for name, value in slot.items()
    }
    return tensors, {"param_groups": state["param_groups"]}


def unpack_optimizer(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `pack_optimizer`."""
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        slots.setdefault(int(index), {})[name] = value
    return {"state": slots, "param_groups": numbers["param_groups"]}


def _match_memory_formats(optimizer: torch.optim.Optimizer) -> None:
    """Lay moments out in memory as their parameters are.

    The fused step walks both linearly, so moments in another order would belong to other weights.
    """
    for parameter, slot in optimizer.state.items():
        for name, value in slot.items():
            if value.shape == parameter.shape:
                slot[name] = torch.empty_like(parameter).copy_(value)
