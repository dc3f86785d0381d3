"""`--runtime onnx`: a FaceGenerator whose networks onnxruntime computes."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facevae.attributes import Schema
from facevae.checkpoint import read_json, read_tensors, write_json
from facevae.config import ModelConfig
from facevae.editing import LatentReader
from facevae.errors import CheckpointError, require
from facevae.export.graphed import N, OnnxDecoder, OnnxEncoder, OnnxUpscaler, OnnxVelocity, attach
from facevae.export.job import EXPORT_FILE, EXPORT_VERSION, check_files, facts_of, files_in
from facevae.export.networks import Source, load_source
from facevae.export.onnx_files import OPSET, Graph
from facevae.export.to_onnx import to_onnx
from facevae.files import atomic_folder, cache_folder
from facevae.flow import FlowPrior, VelocityNet
from facevae.generator import FaceGenerator
from facevae.model import FaceVAE
from facevae.prior import Prior, load_prior

ONNX_TARGETS = ("onnx", "onnx-int8")


def onnx_generator(name_or_dir: str | Path = "face64") -> FaceGenerator:
    """A FaceGenerator on the CPU whose networks run by onnxruntime, on as many threads as torch would use.

    name_or_dir: a folder that `facevae export --to onnx` (or onnx-int8) wrote; or a model as for
    `FaceGenerator.from_pretrained`, which is exported into FACEVAE_CACHE first, some seconds once.

    Of a model it gives the images that PyTorch gives, but for rounding (at most one grey level); what asks
    for gradients (refining an edit, densities of a flow, training a style) is computed by PyTorch. An
    exported folder has no weights for that: asking it raises CheckpointError. So does a damaged folder.
    Raises MissingExtraError without the extra 'onnx'.
    """
    require("onnxruntime", "onnx", "the runtime 'onnx'")
    given = Path(name_or_dir)
    if (given / EXPORT_FILE).is_file():
        made = _from_export(given, _read_export(given))
        made.folder = given
        return made
    source = load_source(name_or_dir)
    generator, folder = source.generator, _cached_export(source)
    made = assembled(folder, _read_export(folder), _weights(generator), generator.prior, generator.name,
                     generator.reader)  # fmt: skip
    made.folder = source.folder
    return made


def _cached_export(source: Source) -> Path:
    """The export of a model in the cache, made when it is not there or no longer whole."""
    made_from = json.dumps([facts_of(source, "onnx"), OPSET, torch.__version__], sort_keys=True)
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:16]
    folder = cache_folder() / "onnx" / f"{source.name.replace('/', '--')}-{digest}"
    try:
        _read_export(folder)
        return folder
    except CheckpointError:
        pass
    with atomic_folder(folder) as temporary:
        facts = facts_of(source, "onnx") | to_onnx(source, temporary, sampler=False)
        write_json(temporary / EXPORT_FILE, facts | {"files": files_in(temporary)})
    return folder


def _read_export(folder: Path) -> dict[str, Any]:
    """export.json of an exported folder whose files are whole. Raises CheckpointError for others."""
    facts = read_json(folder / EXPORT_FILE)
    if facts.get("target") not in ONNX_TARGETS or facts.get("format_version") != EXPORT_VERSION:
        raise CheckpointError(
            f"{folder} was exported to {facts.get('target')!r}, format {facts.get('format_version')}; "
            f"expected {' or '.join(ONNX_TARGETS)}, format {EXPORT_VERSION}. Export the model again."
        )
    check_files(folder, facts)
    return facts


def _from_export(folder: Path, facts: Mapping[str, Any]) -> FaceGenerator:
    """The generator of an exported folder alone, which holds no weights for PyTorch."""
    try:
        prior = _prior_without_weights(folder, facts)
        reader = None
        if facts["editing"] is not None:
            reader = LatentReader.from_saved(read_tensors(folder / "editing.safetensors"), facts["editing"])
        return assembled(folder, facts, {}, prior, facts["name"], reader)
    except (KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{folder} is damaged or was not exported by facevae: {error}") from error


def _prior_without_weights(folder: Path, facts: Mapping[str, Any]) -> Prior:
    """The prior of an exported folder; the network of a flow is a blank for `assembled` to replace."""
    tensors, settings = read_tensors(folder / "prior.safetensors"), facts["prior_settings"]
    if facts["prior"] == FlowPrior.kind:
        blank = VelocityNet(*_flow_shape(facts))
        tensors |= {f"net.{name}": value for name, value in blank.state_dict().items()}
    return load_prior(facts["prior"], tensors, settings)


def _flow_shape(facts: Mapping[str, Any]) -> tuple[int, int, int, int]:
    settings = facts["prior_settings"]
    width = Schema.from_json(settings["attributes"]).width
    return facts["latent_dim"], width, settings["width"], settings["blocks"]


def assembled(
    folder: Path,
    facts: Mapping[str, Any],
    weights: Mapping[str, Mapping[str, Tensor]],
    prior: Prior,
    name: str,
    reader: LatentReader | None,
) -> FaceGenerator:
    """A generator with the graphs of `folder`, and of facts (export.json) the shapes of its networks.

    weights: those of PyTorch by network, empty for none. prior: left as it is; a flow's network is replaced
    in a copy.
    """

    def graphed(network: N, file: str) -> N:
        return attach(network, Graph(folder / f"{file}.onnx"), weights.get(file))

    config = ModelConfig.from_json(facts["model"])
    upscaler: OnnxUpscaler | None = None
    with torch.device("meta"):
        model, encoder, decoder = FaceVAE(config), OnnxEncoder(config), OnnxDecoder(config)
        if facts["upscaler"] is not None:
            upscaler = OnnxUpscaler(**facts["upscaler"])
        velocity = OnnxVelocity(*_flow_shape(facts)) if isinstance(prior, FlowPrior) else None
    model.encoder, model.decoder = graphed(encoder, "encoder"), graphed(decoder, "decoder")
    if isinstance(prior, FlowPrior) and velocity is not None:
        prior = copy.copy(prior)
        prior.net = graphed(velocity, "velocity")
    if upscaler is not None:
        upscaler = graphed(upscaler, "upscaler")
    return FaceGenerator(model, prior, name, "cpu", upscaler, reader)


def _weights(generator: FaceGenerator) -> dict[str, Mapping[str, Tensor]]:
    """What PyTorch computes with where a gradient is asked for, by network."""
    found: dict[str, Mapping[str, Tensor]] = {
        "encoder": generator.model.encoder.state_dict(), "decoder": generator.model.decoder.state_dict()
    }  # fmt: skip
    if isinstance(generator.prior, FlowPrior):
        found["velocity"] = generator.prior.net.state_dict()
    if generator.upscaler is not None:
        found["upscaler"] = generator.upscaler.state_dict()
    return found
