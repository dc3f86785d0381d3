"""Every parser on inputs that nobody would send on purpose: each is used, or refused by a FaceVAEError.

    python scripts/fuzz_inputs.py --count 2000 [--only csv,photo] [--docs docs/reliability.md]

Hypothesis makes the inputs: values of every kind in every place, and files of ours with bytes changed, cut,
repeated and inserted. Another exception than a FaceVAEError, or ANSWER_S seconds without an answer, is a
fault. Prints how many of each were used, refused and faulty as Markdown; exit code 1 when one was faulty.
Needs the extra 'dev'. tests/faults/test_bad_input.py runs a few of each.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import hashlib
import io
import json
import signal
import sys
import tarfile
import tempfile
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

from facevae.attributes import CONTROLS, Schema, parse_age
from facevae.augment.config import AugmentConfig
from facevae.augment.writing import read_split, source_columns
from facevae.bench.results import write_section
from facevae.checkpoint import load_newest_checkpoint, save_checkpoint, save_model
from facevae.config import ModelConfig, TrainConfig, parse_settings, preset
from facevae.controls import check_request, draw_controls, parse_number_or_range, parse_several
from facevae.data.dataset import FaceDataset, read_rows
from facevae.data.job_folder import finished, same_job
from facevae.data.layouts import LAYOUTS, catalogue
from facevae.data.photos import decode_photo
from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.data.sources import Span, Tree, open_source
from facevae.data.worker import Task, Workbench
from facevae.describe import understand
from facevae.edit.changes import parse_changes
from facevae.editing import LatentReader
from facevae.errors import FaceVAEError
from facevae.evaluate_page import read_report
from facevae.flow import FlowPrior, VelocityNet
from facevae.generator import FaceGenerator
from facevae.model import FaceVAE
from facevae.morph import read_stops
from facevae.prior import GaussianMixturePrior, Prior
from facevae.provenance import jpeg_bytes, png_bytes, read_provenance, webp_bytes
from facevae.run import claim_run
from facevae.stylize.decoder_style import DecoderStyle, decoder_sha256, load_style, save_style, styled
from facevae.upscaler import Upscaler
from facevae.upscaler_config import UpscalerConfig, upscaler_config

ANSWER_S = 20
"""A parser that takes longer hangs."""
SMALL = ModelConfig(size_px=32, latent_dim=8, width=16, style_width=8, detail_width=0)
SCHEMA = Schema(CONTROLS)

# Text with what files really hold, lone surrogates and control characters included.
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
NUMBERS = (
    st.sampled_from(
        [
            0,
            1,
            -1,
            7,
            2**31,
            2**63,
            -(2**63),
            10**400,
            0.5,
            1e308,
            -0.0,
            float("nan"),
            float("inf"),
            float("-inf"),
        ]
    )
    | st.floats()
    | st.integers()
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
GONE = object()
EDITS = st.lists(
    st.tuples(
        st.sampled_from(("flip", "set", "cut", "insert", "repeat", "ones", "zeros")),
        st.integers(0, 2**16 - 1),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def edited(data: bytes, edits: list[tuple[str, int, int]]) -> bytes:
    """A file with bits flipped, bytes changed, cut off, inserted and repeated."""
    out = bytearray(data)
    for what, where, value in edits:
        at = where * len(out) // 2**16
        if what == "flip" and out:
            out[at] ^= 1 << value % 8
        elif what == "set" and out:
            out[at] = value
        elif what == "cut":
            del out[at:]
        elif what == "insert":
            out[at:at] = bytes([value]) * (value % 9)
        elif what == "repeat":
            out[at:at] = out[at : at + value]
        elif what in ("ones", "zeros"):
            out[at : at + 4] = (b"\xff" if what == "ones" else b"\0") * 4
    return bytes(out)


def files(*good: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(edited, st.sampled_from(good), EDITS) | st.binary(max_size=80)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in inner:
        yield from places(value, (*path, key))


def changed(document: Any) -> st.SearchStrategy[Any]:
    """The JSON document with one or two of its values replaced or taken out."""
    every = list(places(document))

    def change(changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
        new = copy.deepcopy(document)
        for path, value in changes:
            with contextlib.suppress(KeyError, IndexError, TypeError):
                holder = functools.reduce(lambda inner, key: inner[key], path[:-1], new)
                if not path:
                    new = None if value is GONE else value
                elif value is GONE:
                    del holder[path[-1]]
                else:
                    holder[path[-1]] = value
        return new

    pairs = st.tuples(st.sampled_from(every), VALUES | st.just(GONE))
    return st.lists(pairs, min_size=1, max_size=2).map(change)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def json_files(document: Any) -> st.SearchStrategy[bytes]:
    deep = st.just(b"[" * 50_000)
    return changed(document).map(as_json) | files(as_json(document)) | deep


@dataclass(frozen=True)
class Memory(Tree):
    """A source whose files are at hand."""

    contents: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str) -> bytes:
        return self.contents[name]


def memory(contents: dict[str, bytes]) -> Memory:
    return Memory(
        "source", {name: Span(name, size=len(data)) for name, data in contents.items()}, {}, contents
    )


@functools.cache
def folder() -> Path:
    """A folder for the files that parsers read from the disk, gone at the end."""
    holder = tempfile.TemporaryDirectory(prefix="facevae-fuzz-")
    globals()["_holder"] = holder
    return Path(holder.name)


def on_disk(name: str, data: bytes) -> Path:
    path = folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def picture(kind: str, side: int = 24, mode: str = "RGB", **options: Any) -> bytes:
    y, x = np.mgrid[0:side, 0:side] * 255 // side
    image = Image.fromarray(np.stack([x, y, (x + y) // 2], axis=2).astype(np.uint8)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@functools.cache
def pictures() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.fromarray(np.arange(576, dtype=np.uint16).reshape(24, 24) * 100)
    buffer = io.BytesIO()
    wide.save(buffer, "PNG")
    frames = [Image.new("RGB", (9, 9), (index * 20, 0, 0)) for index in range(4)]
    film = io.BytesIO()
    frames[0].save(film, "GIF", save_all=True, append_images=frames[1:])
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
    return [
        *(picture(kind) for kind in kinds),
        picture("JPEG", exif=exif),
        picture("JPEG", progressive=True),
        picture("PNG", mode="P", transparency=3),
        picture("PNG", mode="LA"),
        picture("PNG", mode="1"),
        picture("TIFF", compression="tiff_lzw"),
        picture("JPEG", mode="CMYK"),
        buffer.getvalue(),
        film.getvalue(),
    ]


# --- what is tried ------------------------------------------------------------------------------------------


def read_labels(contents: dict[str, bytes], layout: str | None) -> None:
    """A layout on these files, and every face's row as it goes to a worker and into a part."""
    found = catalogue(memory(contents), layout)
    for name in found.photos:
        json.dumps(found.describe(name), ensure_ascii=False).encode()
    json.dumps(found.orphans, ensure_ascii=False).encode()


_COLUMNS = "file_name image file age age_group gender expression smile yaw split race key sha256"
COLUMNS = st.sampled_from([*_COLUMNS.split(), "", " Age "]) | TEXT
_CELLS = "a.jpg b.jpg train/a.jpg 3-9 70+ nan 1e999 female １２ - 0..5 none true 1 64"
CELLS = TEXT | st.sampled_from([*_CELLS.split(), "more than 70", "9" * 400, '"']) | NUMBERS.map(str)
PHOTOS = {"a.jpg": b"", "train/a.jpg": b"", "b.png": b""}


def table(separator: str, lines: list[list[str]]) -> bytes:
    return "\n".join(separator.join(line) for line in lines).encode("utf-8", "surrogatepass")


TABLES = st.lists(st.lists(CELLS | COLUMNS, max_size=5), max_size=5)


def csv_files(header: str) -> st.SearchStrategy[bytes]:
    rows = TABLES.map(lambda lines: table(",", [header.split(","), *lines])) | TABLES.map(
        functools.partial(table, ",")
    )
    return rows | files(f"{header}\na.jpg,3-9,Female\nb.png,70+,\n".encode())


def layout_target(name: str, layout: str, contents: st.SearchStrategy[bytes]) -> Target:
    return Target(contents, lambda data: read_labels({**PHOTOS, name: data}, layout))


def jsonl(rows: list[Any]) -> bytes:
    return b"\n".join(map(as_json, rows))


ROWS = st.dictionaries(COLUMNS, VALUES, max_size=4)
NAMED = st.builds(
    lambda row, name: {**row, "file_name": name}, ROWS, st.sampled_from(["a.jpg", "b.png", "é"])
)


@functools.cache
def parquet_rows() -> list[bytes]:
    """Tables of columns of kinds that labels do not have, and one of a kind that they do."""
    import datetime
    import decimal

    import pyarrow
    import pyarrow.parquet

    odd = [
        b"\xff",
        [1, 2],
        {"a": 1},
        datetime.datetime(2020, 1, 1),
        decimal.Decimal("3.5"),
        True,
        2**40,
        None,
        datetime.timedelta(1),
        datetime.date(1, 1, 1),
    ]
    found = []
    for value in [*odd, "31"]:
        sink = pyarrow.BufferOutputStream()
        rows = [{"file_name": "a.jpg", "age": value, "note": value, "gender": value, "split": value}]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
        found.append(sink.getvalue().to_pybytes())
    return found


CELEBA = "2\nMale Smiling\na.jpg 1 -1\nb.jpg -1 1\n"
FFHQ = {
    "0": {"category": "training", "metadata": {"license": "CC", "photo_url": "x"}},
    "1": {"category": "test"},
}


def odd_names(names: list[str], layout: str | None) -> None:
    read_labels({name: b"" for name in names if name}, layout)


@functools.cache
def archives() -> list[bytes]:
    contents = {
        "x/a.jpg": picture("JPEG"),
        "x/metadata.csv": b"file_name,age\na.jpg,30\n",
        "x/b.png": picture("PNG"),
    }
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
        found.append(buffer.getvalue())
    for mode, kind in (
        ("w", tarfile.USTAR_FORMAT),
        ("w", tarfile.PAX_FORMAT),
        ("w:gz", tarfile.GNU_FORMAT),
        ("w:bz2", tarfile.GNU_FORMAT),
        ("w:xz", tarfile.GNU_FORMAT),
    ):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode, format=kind) as tar:  # type: ignore[call-overload]
            for name, data in {**contents, "x/ü" * 60: b"long"}.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        found.append(buffer.getvalue())
    return found


def read_archive(data: bytes) -> None:
    scratch = folder() / "scratch"
    (scratch / "source.tar").unlink(missing_ok=True)
    tree = open_source(on_disk("archive", data), scratch)
    for name in tree.spans:
        name.encode()
        with contextlib.suppress(FaceVAEError):
            tree.read(name)


def prepare_labels(rows: list[dict[str, Any]]) -> None:
    """Labels from their file to shards, metadata.parquet and back into a training set."""
    source = folder() / "labelled"
    for index, row in enumerate(rows):
        noise = np.random.default_rng(index).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, "PNG")
        on_disk(f"labelled/{index}.png", buffer.getvalue())
        row["file_name"] = f"{index}.png"
    (source / "metadata.jsonl").write_bytes(jsonl(rows))
    config = PrepareConfig(
        aligned=True, size_px=16, workers=1, min_face_px=0, min_sharpness=0, near_duplicate_bits=None
    )
    with tempfile.TemporaryDirectory(dir=folder()) as out:
        made = prepare(source, Path(out) / "out", config)
        for split in made.counts:
            FaceDataset(made.path, split, 16, SCHEMA)


def read_settings(pairs: list[str]) -> None:
    for use in (
        lambda: preset("tiny", parse_settings(pairs)),
        lambda: upscaler_config(parse_settings(pairs, UpscalerConfig)),
        lambda: PrepareConfig.from_dict(parse_settings(pairs, PrepareConfig)).digest(),
    ):
        with contextlib.suppress(FaceVAEError):
            use()


FIELDS = [
    *ModelConfig.__dataclass_fields__,
    *TrainConfig.__dataclass_fields__,
    *PrepareConfig.__dataclass_fields__,
    *UpscalerConfig.__dataclass_fields__,
]
PAIRS = st.lists(
    st.builds(
        "{}={}".format, st.sampled_from(FIELDS) | TEXT, CELLS | st.sampled_from(["none", "true", "1", "64"])
    )
    | TEXT,
    max_size=3,
)


def given_settings(fields: dict[str, Any]) -> None:
    """The same from Python, with values of any type; a configuration that is taken can be stored."""
    for use in (
        lambda: [part.to_json() for part in preset("tiny", fields)],
        lambda: upscaler_config(fields).to_json(),
        lambda: PrepareConfig.from_dict(fields).identity(),
        lambda: (
            AugmentConfig(**{**fields, "count": 3}).identity()
            if set(fields) <= set(AugmentConfig.__dataclass_fields__) - {"count"}
            else None
        ),
    ):
        with contextlib.suppress(FaceVAEError):
            json.dumps(use())


def stored_config(document: Any) -> None:
    if isinstance(document, dict):
        with contextlib.suppress(FaceVAEError):
            TrainConfig.from_json(document.get("train", {}))
        ModelConfig.from_json(document.get("model", {}))


def run_config(data: bytes) -> None:
    on_disk("run/config.json", data)
    claim_run(folder() / "run", SMALL, TrainConfig(), {"name": "x", "size_px": 32})


def small_model(prior: Prior | None = None) -> Path:
    """A model's folder with every part that there is."""
    torch.manual_seed(0)
    net = VelocityNet(8, SCHEMA.width, 16, 1)
    flow = FlowPrior(net, torch.zeros(8), torch.eye(8), SCHEMA, 2)
    rows: list[dict[str, Any]] = [{"age": float(i), "gender": ("female", "male")[i % 2]} for i in range(60)]
    reader = LatentReader.fit(torch.randn(60, 8), rows)
    path = folder() / ("model" if prior is None else "mixture")
    save_model(path, FaceVAE(SMALL), prior or flow, "", {}, upscaler=Upscaler(16, 1), reader=reader)
    return path


@functools.cache
def model_parts() -> dict[str, bytes]:
    path = small_model()
    small_model(GaussianMixturePrior.from_moments(torch.randn(60, 8)))
    return {file.name: file.read_bytes() for file in path.iterdir()}


def use_model(file: str, data: bytes) -> None:
    """Faces of a model with this file in place of its own; its checksums fit, so that parsers are reached."""
    path = folder() / "model"
    parts = {**model_parts(), file: data}
    if file != "config.json":
        parts["config.json"] = as_json(model_config(parts))
    for name, content in parts.items():
        (path / name).write_bytes(content)
    generator = FaceGenerator.from_pretrained(path, "cpu")
    generator.sample(1)
    generator.sample(1, controls={"age": 30.0})
    if generator.reader:
        generator.reader.read(torch.zeros(1, 8))
    if generator.upscaler:
        generator.upscaler.upscale(np.zeros((1, 32, 32, 3), np.uint8))


def model_config(parts: dict[str, bytes]) -> Any:
    config = json.loads(model_parts()["config.json"])
    sums = {name: hashlib.sha256(parts[f"{name}.safetensors"]).hexdigest() for name in config["sha256"]}
    return {**config, "sha256": sums}


@functools.cache
def checkpoint_parts() -> dict[str, bytes]:
    save_checkpoint(folder() / "kept", {"model": {"w": torch.ones(4)}}, {"seen_images": 2, "step": 1}, 9)
    return {file.name: file.read_bytes() for file in (folder() / "kept" / "000000000002").iterdir()}


@functools.cache
def checkpoint_state() -> dict[str, Any]:
    found = load_newest_checkpoint(folder() / "kept")
    assert found is not None
    return found[1]


def use_checkpoint(file: str, data: bytes) -> None:
    """Damage is found, and the checkpoint before is used: what is read is never what was not written."""
    parts = checkpoint_parts()
    for seen in (1, 2):
        for name, good in parts.items():
            on_disk(f"checkpoints/{seen:012d}/{name}", data if (seen, name) == (2, file) else good)
    found = load_newest_checkpoint(folder() / "checkpoints")
    assert found is not None
    assert found[0]["model"]["w"].tolist() == [1.0] * 4
    assert {name: found[1][name] for name in ("step", "seen_images")} == {"step": 1, "seen_images": 2}
    if data != parts[file]:
        assert found[2] or found[1] == checkpoint_state(), "damage went unnoticed"


@functools.cache
def style_bytes() -> bytes:
    generator = tiny_generator()
    bias = "head.conv.bias"
    difference = {bias: torch.zeros_like(dict(generator.model.decoder.named_parameters())[bias])}
    save_style(
        folder() / "good.safetensors",
        DecoderStyle("ink", "tiny", decoder_sha256(generator.model.decoder), difference, {}),
    )
    return (folder() / "good.safetensors").read_bytes()


@functools.cache
def tiny_generator() -> FaceGenerator:
    model_parts()
    return FaceGenerator.from_pretrained(folder() / "mixture", "cpu")


def use_style(data: bytes) -> None:
    styled(tiny_generator(), load_style(on_disk("style.safetensors", data))).sample(1)


@functools.cache
def style_facts() -> st.SearchStrategy[bytes]:
    facts = {
        "format_version": 1,
        "name": "ink",
        "base": "tiny",
        "settings": {"steps": 1},
        "base_sha256": decoder_sha256(tiny_generator().model.decoder),
    }
    return changed(facts).map(
        lambda f: save({"head.conv.bias": torch.zeros(12)}, {"facevae_style": json.dumps(f)})
    )


@functools.cache
def dataset_parts() -> dict[str, bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for index in range(3):
            row = {"key": str(index), "age": 30.0, "gender": "male", "landmarks": [0.5] * 10, "note": "x"}
            for kind, data in (("png", picture("PNG", 16)), ("json", as_json(row))):
                member = tarfile.TarInfo(f"{index}.{kind}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    info = {"format_version": 1, "name": "x", "size_px": 16, "counts": {"train": 3}, "licence": "CC0"}
    return {"dataset.json": as_json(info), "train-00000.tar": buffer.getvalue()}


def use_dataset(contents: dict[str, bytes]) -> None:
    for name, data in {**dataset_parts(), **contents}.items():
        on_disk(f"dataset/{name}", data)
    faces = FaceDataset(folder() / "dataset", "train", 16, SCHEMA)
    assert faces.info["size_px"] > 0
    faces.read(range(len(faces)))
    read_rows(faces.path, "train")
    source_columns({"train": read_split(faces.path, "train")})


def shard_of(row: Any) -> dict[str, bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (("0.png", picture("PNG", 16)), ("0.json", as_json(row))):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return {"train-00000.tar": buffer.getvalue()}


JOB = {"source": {"name": "x", "fingerprint": "y"}, "prepare": {"method": 1, "size_px": 16}}
DONE = {
    **JOB,
    "format_version": 1,
    "shards": {"train": [{"file": "train-00000.tar", "bytes": 1, "faces": 1}]},
}


def use_job(data: bytes) -> None:
    on_disk("job/job.json", data)
    on_disk("job/dataset.json", data)
    with contextlib.suppress(FaceVAEError):
        same_job(folder() / "job", JOB, folder() / "job")
    finished(folder() / "job", JOB, "prepare")


@functools.cache
def latents() -> list[bytes]:
    found = []
    for array in (
        np.zeros((3, 8), np.float32),
        np.zeros(8),
        np.zeros((2, 8), np.float16),
        np.arange(8),
        np.array(["x"] * 8),
        np.zeros((1, 8), np.complex64),
    ):
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        found.append(buffer.getvalue())
    packed = io.BytesIO()
    np.savez(packed, np.zeros(8))
    return [
        *found,
        packed.getvalue(),
        found[0].replace(b"(3, 8)", b"(9**9,"),
        found[0].replace(b"(3, 8)", b"(-3,8)"),
        found[0].replace(b"(3, 8), }", b"(99999999999,)}"),
    ]


def use_latents(data: bytes) -> None:
    read_stops(SimpleNamespace(latent_dim=8), [str(on_disk("z.npy", data))])  # type: ignore[arg-type]


def controls(text: str, value: Any, seed: int) -> None:
    for name in ("age", "gender", "smile", "yaw", "expression"):
        with contextlib.suppress(FaceVAEError):
            wanted = parse_several(text, name)
            check_request({name: wanted[0]}, SCHEMA)
            SCHEMA.encode(draw_controls({name: wanted[0]}, 1, seed)[0])
        with contextlib.suppress(FaceVAEError):
            check_request({name: parse_number_or_range(text, name)}, SCHEMA)
        for given_value in (value, text):
            with contextlib.suppress(FaceVAEError):
                SCHEMA.check({name: given_value})
            with contextlib.suppress(FaceVAEError):
                parse_changes(SCHEMA, {name: given_value})
    with contextlib.suppress(FaceVAEError):
        parse_age(text)
    parse_age(value)


def describe(text: str) -> None:
    found = understand(text)
    json.dumps(found.to_json())
    found.summary()
    check_request(found.request, SCHEMA)
    found.against(SCHEMA)


_WORDS = """a very smiling old man woman of 30 thirty five between and 60 not or 60s smile 0.3 % hundred late
about with glasses - , happy sad angry 一个 三十 多岁 老人 微笑 的 二 十 百"""
WORDS = st.lists(st.sampled_from(_WORDS.split()), max_size=30)
NUMBERISH = st.text("0123456789.-+~–,，e inf∞٣½", max_size=14)


def odd_photo(height: int, width: int, seed: int, kind: str) -> None:
    """Pictures of any shape through detection, alignment and measuring: a face or a reason."""
    rng = np.random.default_rng(seed)
    pixels = {
        "noise": lambda: rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        "flat": lambda: np.full((height, width, 3), seed % 256, np.uint8),
        "bars": lambda: np.tile(np.arange(width, dtype=np.uint8)[None, :, None] * 37, (height, 1, 3)),
    }[kind]()
    path = on_disk("odd.png", b"")
    Image.fromarray(pixels).save(path)
    span = Span(str(path), size=path.stat().st_size)
    for row, _ in bench_of(kind == "bars")._prepare(Task(0, "odd.png", span, None, {})):
        assert "reason" in row or row["sha256"]


@functools.cache
def bench_of(aligned: bool) -> Workbench:
    return Workbench(
        PrepareConfig(aligned=aligned, min_face_px=0, min_score=0.05, min_sharpness=0, faces="all")
    )


REPORT = {"format_version": 1, "model": {"name": "x"}, "data": {"name": "y"}, "settings": {"samples": 10}}


@dataclass(frozen=True)
class Target:
    inputs: st.SearchStrategy[Any]
    use: Callable[[Any], object]
    share: float = 1.0
    """Of --count: less for what is slow."""


def star(call: Callable[..., object]) -> Callable[[Any], object]:
    return lambda arguments: call(*arguments)


def config_document() -> dict[str, Any]:
    return {"model": SMALL.to_json(), "train": TrainConfig().to_json()}


def made_pictures() -> list[bytes]:
    black = np.zeros((9, 9, 3), np.uint8)
    return [png_bytes(black, model="m", seed=1), webp_bytes(black, model="m"), jpeg_bytes(black, model="m")]


NAMES_OF_FILES = st.lists(
    st.lists(
        TEXT | st.sampled_from(["train", "val", "a.jpg", "00001.png", "00000"]), min_size=1, max_size=3
    ).map("/".join),
    max_size=4,
)
ANY_FIELDS = st.dictionaries(
    st.sampled_from([*FIELDS, *AugmentConfig.__dataclass_fields__]), VALUES, max_size=2
)
LINES = st.lists(NAMED | VALUES, max_size=3).map(jsonl)
LABELLED = st.dictionaries(st.sampled_from([*SCHEMA.names, "landmarks"]), VALUES)
SHAPES = st.tuples(
    st.integers(1, 260), st.integers(1, 260), st.integers(0, 999), st.sampled_from(["noise", "flat", "bars"])
)


def part_of_model(name: str) -> Callable[[], Target]:
    return lambda: Target(files(model_parts()[name]), functools.partial(use_model, name), 0.25)


def part_of_checkpoint(name: str) -> Callable[[], Target]:
    return lambda: Target(files(checkpoint_parts()[name]), functools.partial(use_checkpoint, name))


def shards() -> Target:
    whole = dataset_parts()["train-00000.tar"]
    bytes_changed = files(whole).map(lambda data: {"train-00000.tar": data})
    return Target(bytes_changed | VALUES.map(shard_of) | LABELLED.map(shard_of), use_dataset)


def dataset_info() -> Target:
    good = json.loads(dataset_parts()["dataset.json"])
    return Target(json_files(good).map(lambda data: {"dataset.json": data}), use_dataset)


TARGETS: dict[str, Callable[[], Target]] = {
    "labels: metadata.csv": lambda: layout_target(
        "metadata.csv", "imagefolder", csv_files("file_name,age,gender")
    ),
    "labels: metadata.jsonl": lambda: layout_target(
        "metadata.jsonl", "imagefolder", LINES | files(b'{"file_name": 1}')
    ),
    "labels: metadata.parquet": lambda: layout_target(
        "metadata.parquet", "imagefolder", st.sampled_from(parquet_rows()) | files(*parquet_rows())
    ),
    "labels: FairFace": lambda: layout_target(
        "fairface_label_train.csv", "fairface", csv_files("file,age,gender")
    ),
    "labels: CelebA": lambda: layout_target(
        "list_attr_celeba.txt", "celeba", files(CELEBA.encode()) | TABLES.map(functools.partial(table, " "))
    ),
    "labels: CelebA as CSV": lambda: layout_target(
        "list_attr_celeba.csv", "celeba", csv_files("image_id,Male,Smiling")
    ),
    "labels: FFHQ": lambda: layout_target("ffhq-dataset-v2.json", "ffhq", json_files(FFHQ)),
    "layouts by file names": lambda: Target(
        st.tuples(NAMES_OF_FILES, st.sampled_from([None, *LAYOUTS])), star(odd_names)
    ),
    "zip and tar archives": lambda: Target(files(*archives()), read_archive),
    "labels through to shards": lambda: Target(st.lists(ROWS, min_size=2, max_size=3), prepare_labels, 0.05),
    "config: --set name=value": lambda: Target(PAIRS, read_settings),
    "config: fields from Python": lambda: Target(ANY_FIELDS, given_settings),
    "config: stored fields": lambda: Target(changed(config_document()), stored_config),
    "a run's config.json": lambda: Target(
        json_files({**config_document(), "dataset": {"name": "x"}}), run_config
    ),
    "a model's config.json": lambda: Target(
        json_files(model_config(model_parts())), functools.partial(use_model, "config.json"), 0.25
    ),
    "a model's model.safetensors": part_of_model("model.safetensors"),
    "a model's prior.safetensors": part_of_model("prior.safetensors"),
    "a model's upscaler.safetensors": part_of_model("upscaler.safetensors"),
    "a model's editing.safetensors": part_of_model("editing.safetensors"),
    "a checkpoint's state.json": part_of_checkpoint("state.json"),
    "a checkpoint's model.safetensors": part_of_checkpoint("model.safetensors"),
    "a dataset's dataset.json": dataset_info,
    "a dataset's shards": shards,
    "job.json of an interrupted run": lambda: Target(json_files(JOB) | json_files(DONE), use_job),
    "latent files (.npy)": lambda: Target(files(*latents()) | st.sampled_from(latents()), use_latents),
    "style files": lambda: Target(files(style_bytes()) | style_facts(), use_style, 0.25),
    "descriptions": lambda: Target(
        TEXT | WORDS.map(" ".join) | WORDS.map("".join) | st.text(max_size=80), describe
    ),
    "controls, ages and changes": lambda: Target(
        st.tuples(NUMBERISH | TEXT, VALUES, st.integers(0, 2**40)), star(controls)
    ),
    "reports of evaluate": lambda: Target(
        json_files(REPORT), lambda data: read_report(on_disk("report.json", data))
    ),
    "photos: bytes": lambda: Target(files(*pictures()), decode_photo),
    "photos: shapes through detection": lambda: Target(SHAPES, star(odd_photo), 0.03),
    "what a picture says of its making": lambda: Target(
        files(*made_pictures()), lambda data: read_provenance(on_disk("made", data))
    ),
}
"""Every parser by name."""


# --- how it is tried ----------------------------------------------------------------------------------------


class Hang(Exception):
    """No answer within ANSWER_S."""


@contextlib.contextmanager
def answered_in_time() -> Iterator[None]:
    def too_late(*_: object) -> None:
        raise Hang(f"no answer in {ANSWER_S} s")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, ANSWER_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tried(target: Target, count: int, keep_going: bool = False) -> tuple[Counter[str], dict[str, str]]:
    """(used, refused and faulty inputs, {kind of fault: its trace}) of one parser on `count` inputs.

    The same inputs each time. Raises the first fault, shrunk by Hypothesis, unless `keep_going`.
    """
    tally: Counter[str] = Counter()
    faults: dict[str, str] = {}

    @settings(
        max_examples=max(1, round(count * target.share)),
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate] if keep_going else [Phase.generate, Phase.shrink],
    )
    @given(target.inputs)
    def check(value: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with answered_in_time():
                    target.use(value)
                tally["used"] += 1
            except FaceVAEError as error:
                tally["refused" if str(error) else "refused without a word"] += 1
            except Exception as error:
                if not keep_going:
                    raise
                tally["faulty"] += 1
                last = traceback.extract_tb(error.__traceback__)
                own = [
                    frame for frame in last if "facevae" in frame.filename and "fuzz" not in frame.filename
                ]
                where = f"{Path(own[-1].filename).name}:{own[-1].name}" if own else "outside"
                faults.setdefault(f"{type(error).__name__} in {where}", f"{error!r:.300} for {value!r:.300}")

    check()
    return tally, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="inputs of each parser; fewer for slow ones")
    parser.add_argument("--only", default="", help="parsers whose name holds one of these words, a,b")
    parser.add_argument("--docs", type=Path, help="a Markdown page to write the table into")
    wish = parser.parse_args()
    torch.set_num_threads(1)
    words = [word for word in wish.only.split(",") if word]
    lines, together = ["| parser | inputs | used | refused | faulty |\n|---|--:|--:|--:|--:|"], Counter[str]()
    for name, target in TARGETS.items():
        if words and not any(word in name for word in words):
            continue
        tally, faults = tried(target(), wish.count, keep_going=True)
        together += tally
        lines.append(f"| {name} | {_cells(tally)} |")
        print(lines[-1], *(f"  {fault}: {shown}" for fault, shown in faults.items()), sep="\n", flush=True)
    lines.append(f"| together | {_cells(together)} |")
    print("\n".join(lines))
    if wish.docs:
        write_section(
            wish.docs, "inputs", f"python scripts/fuzz_inputs.py --count {wish.count}", "\n".join(lines)
        )
    sys.exit(1 if together["faulty"] else 0)


def _cells(tally: Counter[str]) -> str:
    return " | ".join(f"{n:,}" for n in (tally.total(), tally["used"], tally["refused"], tally["faulty"]))


if __name__ == "__main__":
    main()
