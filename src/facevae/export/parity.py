"""Whether an exported network computes what PyTorch computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevae.errors import CheckpointError
from facevae.export.networks import Network

LIMIT = 1e-4
"""Largest absolute difference from PyTorch's float32 that an export may show."""
BATCHES = (1, 7, 92)
"""The CHECKED inputs come in batches of these sizes, so that a batch that is not free shows."""

Arrays = Sequence[NDArray[np.float32]]
Run = Callable[[Arrays], Arrays]
"""Inputs of a network, in order, to its outputs."""


def compare(network: Network, run: Run, runtime: str, limit: float | None = LIMIT) -> list[dict[str, Any]]:
    """One row for each output: its largest and mean absolute difference from PyTorch on CHECKED inputs.

    Raises CheckpointError when the largest is above `limit` (None: no limit), or shapes differ.
    """
    parts = [run(batch) for batch in batches(network)]
    given = [np.concatenate([part[index] for part in parts]) for index in range(len(network.outputs))]
    return compare_outputs(network, given, runtime, limit)


def batches(network: Network) -> list[Arrays]:
    """The examples of a network in batches of BATCHES."""
    return [
        [
            (example[end - size : end] if port.batched else example).numpy()
            for port, example in zip(network.inputs, network.examples, strict=True)
        ]
        for size, end in zip(BATCHES, np.cumsum(BATCHES), strict=True)
    ]


def compare_outputs(
    network: Network, given: Arrays, runtime: str, limit: float | None = LIMIT
) -> list[dict[str, Any]]:
    """As `compare`, of outputs that another process gave for all examples."""
    rows = []
    for port, expected, got in zip(network.outputs, network.expected(), given, strict=True):
        if got.shape != tuple(expected.shape):
            raise CheckpointError(
                f"the exported {network.name} gives '{port.name}' as {got.shape} in {runtime}, expected "
                f"{tuple(expected.shape)}: this version of {runtime} cannot be used."
            )
        difference = np.abs(got.astype(np.float64) - expected.double().numpy())
        largest = float(difference.max())
        if limit is not None and not largest <= limit:
            raise CheckpointError(
                f"the exported {network.name} differs from PyTorch by {largest:.2g} in '{port.name}' on "
                f"{runtime}, expected at most {limit:g}. Use the versions of constraints.txt."
            )
        rows.append(
            {
                "network": network.name,
                "output": port.name,
                "runtime": runtime,
                "inputs": len(got),
                "largest_difference": largest if math.isfinite(largest) else None,
                "mean_difference": float(difference.mean()),
                "limit": limit,
            }
        )
    return rows
