import csv
import importlib
import io
import json
import os
import tarfile
import zipfile

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from facevae.data.prepare import prepare
from facevae.data.prepare_config import PrepareConfig
from facevae.errors import ConfigError, DataError

module = importlib.import_module("facevae.data.prepare")  # the name itself is the function
ONE = PrepareConfig(workers=1)
LOOSE = PrepareConfig(
    workers=1,
    min_sharpness=0,
    max_yaw=1,
    max_misfit=1,
    max_disagreement=1,
    max_outside=1,
    near_duplicate_bits=None,
)


def rejects(out):
    with open(out / "rejects.csv", encoding="utf-8", newline="") as file:
        return {row["file"]: row["reason"] for row in csv.DictReader(file)}


def rows(out):
    return pyarrow.parquet.read_table(out / "metadata.parquet").to_pylist()


def snapshot(out):
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def saved(photo, kind="PNG", **options):
    buffer = io.BytesIO()
    image = photo if isinstance(photo, Image.Image) else Image.fromarray(photo)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_the_output_is_what_the_design_says(album, tmp_path):
    out = tmp_path / "out"
    result = prepare(album(count=12), out, PrepareConfig(workers=1, shard_faces=5, licence="CC0", size_px=64))
    info = json.loads((out / "dataset.json").read_text())
    assert info["format_version"] == 1
    assert (info["name"], info["size_px"], info["licence"]) == ("photos", 64, "CC0")
    assert info["counts"] == result.counts
    assert result.faces == sum(result.counts.values()) == 12
    assert info["source"] | {"fingerprint": ""} == {
        "name": "photos", "layout": "folder", "photos": 12, "fingerprint": "",
    }  # fmt: skip
    assert str(tmp_path) not in (out / "dataset.json").read_text()
    assert len(info["template"]["positions"]) == 5
    assert (out / "prepared.html").stat().st_size > 10_000
    assert not (out / ".work").exists()

    table = {row["key"]: row for row in rows(out)}
    seen = {}
    for split, shards in info["shards"].items():
        for shard in shards:
            with tarfile.open(out / shard["file"]) as tar:
                members = tar.getmembers()
                assert all((m.mtime, m.uid, m.uname, m.mode) == (0, 0, "", 0o644) for m in members)
                assert len(members) == 2 * shard["faces"] <= 10
                for picture, about in zip(members[::2], members[1::2], strict=True):
                    row = json.loads(tar.extractfile(about).read())
                    assert picture.name == f"{row['key']}.webp"
                    assert Image.open(tar.extractfile(picture)).size == (64, 64)
                    assert row["split"] == split
                    seen[row["key"]] = row
    assert len(seen) == 12
    for key, row in seen.items():
        assert {name: table[key][name] for name in ("file", "sha256", "yaw", "sharpness")} == {
            name: row[name] for name in ("file", "sha256", "yaw", "sharpness")
        }
        assert len(row["landmarks"]) == 10
        assert row["age"] is None


def test_webdataset_reads_the_shards(album, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    prepare(album(count=6), tmp_path / "out", PrepareConfig(workers=1, validation_fraction=0))
    with open(tmp_path / "out" / "train-00000.tar", "rb") as stream:
        files = webdataset.tariterators.tar_file_expander([{"stream": stream, "url": "train-00000.tar"}])
        samples = list(webdataset.tariterators.group_by_keys(files))
    assert len(samples) == 6
    assert all({"webp", "json", "__key__"} <= sample.keys() for sample in samples)


def test_run_twice_it_changes_nothing(album, tmp_path):
    source, out = album(count=8), tmp_path / "out"
    first = prepare(source, out, ONE)
    before = snapshot(out), {path: path.stat().st_mtime_ns for path in out.iterdir()}
    second = prepare(source, out, PrepareConfig(workers=2))
    assert (snapshot(out), {path: path.stat().st_mtime_ns for path in out.iterdir()}) == before
    assert second.unchanged
    assert not first.unchanged
    assert second.counts == first.counts
    assert second.rejected == first.rejected


def test_the_number_of_workers_does_not_change_a_byte(album, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 4)
    source = album(count=14)
    (source / "bad.jpg").write_text("no photo")
    done = []
    prepare(source, tmp_path / "one", ONE)
    prepare(source, tmp_path / "three", PrepareConfig(workers=3), progress=lambda *now: done.append(now))
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "three")
    assert done[0] == (0, 15)
    assert done[-1] == (15, 15)
    assert [now for now, _ in done] == sorted(now for now, _ in done)


def test_folder_zip_and_tar_give_the_same_faces(album, tmp_path):
    source = album(["a.jpg", "b c/d.jpg", "人/脸 (1).jpg"])
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in source.rglob("*.jpg"):
            archive.write(path, path.relative_to(source))
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as archive:
        archive.add(source, ".")
    tables = []
    for name in ("photos", "photos.zip", "photos.tar.gz"):
        out = tmp_path / f"out {name}"
        prepare(tmp_path / name, out, ONE)
        tables.append([(row["file"], row["sha256"], row["landmarks"]) for row in rows(out)])
        assert not (out / ".work").exists()
    assert tables[0] == tables[1] == tables[2]
    assert {file for file, _, _ in tables[0]} == {"a.jpg", "b c/d.jpg", "人/脸 (1).jpg"}


def test_every_input_is_a_face_or_a_reject(album, tmp_path, portrait, jpeg):
    source = album(["good.jpg", "文件 名.jpg"])
    face = Image.fromarray(portrait)
    crowd = Image.new("RGB", (700, 300), "grey")
    crowd.paste(face, (20, 20))
    crowd.paste(face.resize((120, 120)), (400, 60))
    turned = Image.Exif()
    turned[0x0112] = 6
    bad = {
        "truncated.jpg": (jpeg(portrait)[:3000], "damaged image"),
        "empty.jpg": (b"", "empty file"),
        "text.jpg": (b"I am no photo", "not an image"),
        "photo.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 100, "not an image"),
        "no face.png": (saved(np.full((200, 200, 3), 90, np.uint8)), "no face found"),
        "20 px.png": (saved(face.resize((20, 20))), "photo too small"),
        "vast.png": (saved(Image.new("1", (12_000, 12_000))), "too many pixels"),
    }
    good = {
        "crowd.png": saved(crowd),
        "cmyk.jpg": saved(face.convert("CMYK"), "JPEG"),
        "16 bit.png": saved(np.asarray(face.convert("L")).astype(np.uint16) * 257),
        "palette.gif": saved(face.convert("P"), "GIF"),
        "alpha.png": saved(face.convert("RGBA")),
        "grey.jpg": saved(face.convert("L"), "JPEG"),
        "animated.webp": saved(face, "WEBP", save_all=True, append_images=[face.rotate(90)]),
        "rotated.jpg": saved(face.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=turned),
    }
    for name, data in {**{name: data for name, (data, _) in bad.items()}, **good}.items():
        (source / name).write_bytes(data)
    (source / "circle").symlink_to(source)
    (source / "gone.jpg").symlink_to(source / "nowhere")
    out = tmp_path / "out"
    result = prepare(source, out, LOOSE)

    refused, faces = rejects(out), {row["file"] for row in rows(out)}
    assert faces == {"good.jpg", "文件 名.jpg", *good}
    assert refused.keys() == {*bad, "gone.jpg"}
    for name, (_, reason) in bad.items():
        assert refused[name].startswith(reason), refused[name]
    assert result.photos + 1 == result.faces + result.rejects
    upright = next(row for row in rows(out) if row["file"] == "rotated.jpg")
    straight = next(row for row in rows(out) if row["file"] == "crowd.png")
    assert abs(upright["photo_landmarks_px"][1] - (straight["photo_landmarks_px"][1] - 20)) < 4


def test_all_faces_of_a_photo_or_the_largest(tmp_path, portrait, vary):
    (tmp_path / "photos").mkdir()
    crowd = np.full((500, 900, 3), 100, np.uint8)
    crowd[50:290, 50:290] = portrait
    crowd[200:392, 600:792] = vary(1)
    (tmp_path / "photos" / "crowd.png").write_bytes(saved(crowd))
    one = prepare(tmp_path / "photos", tmp_path / "one", LOOSE)
    every = prepare(
        tmp_path / "photos", tmp_path / "all", PrepareConfig(**{**LOOSE.__dict__, "faces": "all"})
    )
    assert (one.faces, every.faces) == (1, 2)
    assert sorted(row["key"] for row in rows(tmp_path / "all")) == ["00000000-0", "00000000-1"]
    assert len({row["split"] for row in rows(tmp_path / "all")}) == 1


def test_a_file_that_may_not_be_read_is_a_reject(album, tmp_path, monkeypatch):
    source = album(["a.jpg", "secret.jpg"])
    # Root may read everything, so the refusal is made where it would come from.
    real = open

    def guarded(path, *args, **kwargs):
        if str(path).endswith("secret.jpg"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr("builtins.open", guarded)
    prepare(source, tmp_path / "out", ONE)
    assert rejects(tmp_path / "out") == {"secret.jpg": "cannot read: Permission denied"}


def test_labels_without_photos_and_photos_without_labels(album, tmp_path):
    source = album(["a.jpg", "b.jpg"])
    (source / "metadata.csv").write_text(
        "file_name,age_group,gender,mood\na.jpg,3-9,female,2\ngone.jpg,1,male,3\n"
    )
    result = prepare(source, tmp_path / "out", ONE)
    by_file = {row["file"]: row for row in rows(tmp_path / "out")}
    assert (by_file["a.jpg"]["age"], by_file["a.jpg"]["gender"], by_file["a.jpg"]["mood"]) == (
        6.0,
        "female",
        2.0,
    )
    assert (by_file["b.jpg"]["age"], by_file["b.jpg"]["gender"], by_file["b.jpg"]["mood"]) == (
        None,
        None,
        None,
    )
    assert rejects(tmp_path / "out") == {"gone.jpg": "label without a photo"}
    assert result.rejected == {"label without a photo": 1}
    info = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert info["attributes"] == {"age": 1, "age_low": 1, "age_high": 1, "gender": 1, "yaw": 2}


def test_copies_and_near_duplicates_stay_in_one_split(album, tmp_path, vary):
    source = album(count=6)
    (source / "z copy.jpg").write_bytes((source / "02.jpg").read_bytes())
    small = Image.fromarray(vary(4)).resize((150, 150), Image.Resampling.LANCZOS)
    (source / "z small.jpg").write_bytes(saved(small, "JPEG", quality=80))
    prepare(source, tmp_path / "out", ONE)
    assert rejects(tmp_path / "out") == {
        "z copy.jpg": "exact copy: of 02.jpg",
        "z small.jpg": "near duplicate: of 04.jpg",
    }
    prepare(source, tmp_path / "kept", PrepareConfig(workers=1, near_duplicate_bits=None))
    assert list(rejects(tmp_path / "kept")) == ["z copy.jpg"]


def test_the_split_follows_the_content_and_not_the_name(album, tmp_path):
    half = PrepareConfig(workers=1, validation_fraction=0.5)
    source = album(count=10)
    prepare(source, tmp_path / "one", half)
    for path in sorted(source.iterdir()):
        path.rename(source / f"renamed {99 - int(path.stem)}.jpg")
    prepare(source, tmp_path / "two", half)
    splits = [{row["sha256"]: row["split"] for row in rows(tmp_path / name)} for name in ("one", "two")]
    assert splits[0] == splits[1]
    assert set(splits[0].values()) == {"train", "validation"}


def test_nobody_is_in_two_splits_where_the_source_names_persons(album, tmp_path):
    people = [f"{name}_{other}" for name in ("Ann", "Bob", "Cem", "Dua") for other in ("A", "B")]
    source = album([f"lfw/{name}/{name}_{n:04d}.jpg" for name in people for n in range(1, 4)])
    prepare(source, tmp_path / "out", PrepareConfig(workers=1, validation_fraction=0.5, layout="lfw"))
    splits: dict[str, set[str]] = {}
    for row in rows(tmp_path / "out"):
        splits.setdefault(row["person"], set()).add(row["split"])
    assert len(splits) == len(people)
    assert all(len(found) == 1 for found in splits.values()), splits
    assert set.union(*splits.values()) == {"train", "validation"}


def test_the_sources_own_split_is_kept(album, tmp_path):
    source = album([f"{split}/{n}.jpg" for split in ("train", "val", "test") for n in range(2)])
    result = prepare(source, tmp_path / "out", ONE)
    assert result.counts == {"train": 2, "validation": 2, "test": 2}
    assert (tmp_path / "out" / "test-00000.tar").exists()


def test_aligned_photos_are_only_resized(tmp_path, portrait):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "square.png").write_bytes(saved(portrait))
    (tmp_path / "photos" / "wide.png").write_bytes(saved(portrait[:100]))
    (tmp_path / "photos" / "metadata.csv").write_text("file_name,yaw\nsquare.png,0.03\n")
    config = PrepareConfig(aligned=True, size_px=64, image_format="png", workers=1, validation_fraction=0)
    prepare(tmp_path / "photos", tmp_path / "out", config)
    (row,) = rows(tmp_path / "out")
    assert (row["landmarks"], row["yaw"], row["score"]) == (None, 0.03, None)
    assert rejects(tmp_path / "out")["wide.png"].startswith("not square")
    with tarfile.open(tmp_path / "out" / "train-00000.tar") as tar:
        crop = np.asarray(Image.open(tar.extractfile("00000000.png")))
    expected = np.asarray(Image.fromarray(portrait).resize((64, 64), Image.Resampling.LANCZOS))
    assert np.array_equal(crop, expected)


def test_other_options_or_another_source_are_refused(album, tmp_path):
    source, out = album(count=3), tmp_path / "out"
    prepare(source, out, ONE)
    before = snapshot(out)
    with pytest.raises(DataError, match="size_px 128 there, 64 asked for"):
        prepare(source, out, PrepareConfig(size_px=64))
    (source / "one more.jpg").write_bytes((source / "00.jpg").read_bytes())
    with pytest.raises(DataError, match="photos 3 there, 4 asked for"):
        prepare(source, out, ONE)
    assert snapshot(out) == before
    (out / "train-00000.tar").unlink()
    (source / "one more.jpg").unlink()
    with pytest.raises(DataError, match=r"train-00000.tar is missing or damaged"):
        prepare(source, out, ONE)


def test_a_folder_with_other_files_is_never_written_to(album, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="holds other files"):
        prepare(album(count=1), out, ONE)
    with pytest.raises(DataError, match="is a file"):
        prepare(album(count=1), out / "thesis.txt", ONE)
    assert snapshot(out) == {"thesis.txt": b"years of work"}


def test_a_wrong_source_leaves_nothing_behind(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        prepare(tmp_path / "absent", tmp_path / "out", ONE)
    assert list(tmp_path.iterdir()) == []


def test_a_result_inside_the_source_is_not_read_as_a_photo(album):
    source = album(count=3)
    out = source / "out"
    first = prepare(source, out, ONE)
    assert (first.photos, first.faces) == (3, 3)
    assert prepare(source, out, ONE).unchanged
    with pytest.raises(DataError, match="both"):
        prepare(source, source, ONE)


def test_photos_without_one_face_are_an_error_that_says_why(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "wall.png").write_bytes(saved(np.full((99, 99, 3), 90, np.uint8)))
    with pytest.raises(DataError, match="1 no face found"):
        prepare(tmp_path / "photos", tmp_path / "out", ONE)


def test_limit_takes_the_first_photos(album, tmp_path):
    assert prepare(album(count=5), tmp_path / "out", PrepareConfig(workers=1, limit=2)).photos == 2


def test_a_wrong_layout_is_refused(album, tmp_path):
    with pytest.raises(DataError, match="not laid out as celeba"):
        prepare(album(count=1), tmp_path / "out", PrepareConfig(layout="celeba"))
    with pytest.raises(ConfigError, match="layout"):
        PrepareConfig(layout="celebb")


def test_files_with_names_that_are_not_utf8_are_prepared(album, tmp_path):
    source = album(count=1)
    try:
        os.rename(source / "00.jpg", os.fsencode(source) + b"/caf\xe9.jpg")
    except OSError:
        pytest.skip("this file system has only UTF-8 names")
    assert prepare(source, tmp_path / "out", PrepareConfig(workers=2)).faces == 1


@pytest.mark.parametrize(("name", "least"), [("fairface", 90), ("utkface", 140), ("celeba", 125)])
def test_the_raw_samples_become_faces(raw, tmp_path, name, least):
    result = prepare(raw / name, tmp_path / "out")
    assert result.faces >= least
    assert result.photos == result.faces + result.rejects
    assert (tmp_path / "out" / "prepared.html").exists()
