"""Run .keras files in a process of its own, because a process has one Keras backend for its life.

    KERAS_BACKEND=tensorflow python keras_check.py FOLDER NETWORK...

Needs Keras and safetensors alone. Reads FOLDER/NETWORK.keras and FOLDER/NETWORK.inputs.safetensors, with one
tensor for each batch and input ('0.0', '0.1', '1.0', ...), and writes what the network gives for them, joined
along the batch, into FOLDER/NETWORK.BACKEND.safetensors ('0', '1', ... by output).
"""

from __future__ import annotations

import sys
from itertools import count, takewhile
from pathlib import Path


def main(folder: Path, networks: list[str]) -> None:
    import keras
    import numpy as np
    from safetensors.numpy import load_file, save_file

    for name in networks:
        model = keras.models.load_model(folder / f"{name}.keras", compile=False)
        inputs = load_file(folder / f"{name}.inputs.safetensors")
        parts = []
        for batch in takewhile(lambda batch: f"{batch}.0" in inputs, count()):  # noqa: B023
            given = [inputs[f"{batch}.{port}"] for port in range(len(model.inputs))]
            made = model(given if len(given) > 1 else given[0], training=False)
            parts.append(
                [keras.ops.convert_to_numpy(one) for one in (made if isinstance(made, list) else [made])]
            )
        outputs = {str(port): np.concatenate(own) for port, own in enumerate(zip(*parts, strict=True))}
        save_file(outputs, folder / f"{name}.{keras.backend.backend()}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
