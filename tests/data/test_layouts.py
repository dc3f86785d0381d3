import json

import pyarrow
import pyarrow.parquet
import pytest

from facevae.data.labels import canonical
from facevae.data.layouts import catalogue, recognise
from facevae.data.sources import open_source
from facevae.errors import ConfigError, DataError


@pytest.fixture
def tree(tmp_path):
    """tree({name: text}): the source with these files; photos need no content to be listed."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / "source" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return open_source(tmp_path / "source", tmp_path / "scratch")

    return make


def parquet(rows):
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


ROWS = [
    {
        "file_name": "a.jpg",
        "age_group": "3-9",
        "gender": "Female",
        "expression": "happiness",
        "race": "Black",
    },
    {"file_name": "b.jpg", "age_group": "70+", "gender": "", "expression": "", "race": ""},
    {"file_name": "gone.jpg", "age_group": "31", "gender": "male", "expression": "neutral", "race": "White"},
]
TABLES = {
    "metadata.csv": "\ufeff"
    + "\n".join([",".join(ROWS[0]), *(",".join(row.values()) for row in ROWS)]).replace("\n", "\r\n"),
    "metadata.jsonl": "\n".join(json.dumps(row) for row in ROWS) + "\n\n",
    "metadata.parquet": parquet(ROWS),
}


@pytest.mark.parametrize("table", TABLES)
def test_imagefolder_reads_its_labels(tree, table):
    source = tree(
        {"train/a.jpg": "", "train/b.jpg": "", "train/c d.jpg": "", f"train/{table}": TABLES[table]}
    )
    found = catalogue(source)
    assert found.layout == "imagefolder"
    split, row = found.describe("train/a.jpg")
    assert split == "train"
    assert row == {
        "age": 6.0, "age_low": 3.0, "age_high": 9.0,
        "gender": "female", "expression": "happy", "race": "Black",
    }  # fmt: skip
    assert found.describe("train/b.jpg") == ("train", {"age": 85.0, "age_low": 70.0, "age_high": 100.0})
    assert found.describe("train/c d.jpg") == ("train", {})
    assert found.orphans == {"train/gone.jpg": "label without a photo"}


def test_imagefolder_takes_splits_from_folders_or_a_column(tree):
    source = tree(
        {
            "metadata.csv": "file_name,split\nx/1.jpg,val\nx/2.jpg,test\nx/3.jpg,\n",
            "x/1.jpg": "", "x/2.jpg": "", "x/3.jpg": "",
        }
    )  # fmt: skip
    found = catalogue(source)
    assert [found.describe(name)[0] for name in found.photos] == ["validation", "test", None]


def test_split_folders_alone_are_an_imagefolder(tree):
    found = catalogue(tree({"train/a.jpg": "", "validation/b.jpg": "", "test/c/d.jpg": ""}))
    assert found.layout == "imagefolder"
    assert [found.describe(name)[0] for name in found.photos] == ["test", "train", "validation"]


def test_labels_in_nested_folders_do_not_mix(tree):
    source = tree(
        {
            "metadata.csv": "file_name,age\nx/a.jpg,20\n",
            "x/metadata.csv": "file_name,gender,age\nb.jpg,male,30\n",
            "x/a.jpg": "", "x/b.jpg": "",
        }
    )  # fmt: skip
    found = catalogue(source)
    assert found.describe("x/a.jpg")[1]["age"] == 20
    assert found.describe("x/b.jpg")[1] == {"gender": "male", "age": 30, "age_low": 30, "age_high": 30}


def test_celeba(tree):
    names = " ".join([f"A{i}" for i in range(37)] + ["Male", "Smiling", "Young"])
    lines = ["000001.jpg", "000002.jpg", "000009.jpg"]
    marks = [" ".join(["-1"] * 37 + end) for end in (["1", "-1", "1"], ["-1", "1", "-1"], ["1", "1", "1"])]
    text = f"3\n{names} \n" + "\n".join(f"{n} {m}" for n, m in zip(lines, marks, strict=True)).replace(
        " 1", "  1"
    )
    files = {
        "Anno/list_attr_celeba.txt": text,
        "Eval/list_eval_partition.txt": "000001.jpg 0\n000002.jpg 1\n000009.jpg 2\n",
        "img_align_celeba/000001.jpg": "",
        "img_align_celeba/000002.png": "",
        "img_align_celeba/000003.jpg": "",
    }
    found = catalogue(tree(files))
    assert found.layout == "celeba"
    split, row = found.describe("img_align_celeba/000001.jpg")
    assert split == "train"
    assert (row["gender"], row["smile"], row["young"], row["a0"]) == ("male", 0.0, 1.0, 0.0)
    assert "age" not in row
    assert len(row) == 40
    split, row = found.describe("img_align_celeba/000002.png")
    assert (split, row["gender"], row["smile"]) == ("validation", "female", 1.0)
    assert found.describe("img_align_celeba/000003.jpg") == (None, {})
    assert found.orphans == {"000009.jpg": "label without a photo"}


def test_celeba_as_csv_and_damaged(tree):
    files = {"list_attr_celeba.csv": "image_id,Male,Smiling\n000001.jpg,-1,1\n", "000001.jpg": ""}
    assert catalogue(tree(files)).describe("000001.jpg")[1] == {"gender": "female", "smile": 1.0}
    with pytest.raises(DataError, match="line 3: 1 attributes"):
        catalogue(tree({"list_attr_celeba.csv": "image_id,Male,Smiling\n1.jpg,1,1\n2.jpg,1\n"}))


def test_fairface(tree):
    head = "file,age,gender,race,service_test\n"
    files = {
        "fairface_label_train.csv": head + "train/1.jpg,more than 70,Male,East Asian,True\n",
        "fairface_label_val.csv": head + "val/1.jpg,20-29,Female,White,False\nval/7.jpg,0-2,Male,Black,\n",
        "train/1.jpg": "", "val/1.jpg": "", "val/2.jpg": "",
    }  # fmt: skip
    found = catalogue(tree(files))
    assert found.layout == "fairface"
    split, row = found.describe("train/1.jpg")
    assert (split, row["age_low"], row["gender"], row["race"]) == ("train", 70.0, "male", "East Asian")
    assert found.describe("val/1.jpg")[0] == "validation"
    assert found.describe("val/2.jpg") == ("validation", {})
    assert found.orphans == {"val/7.jpg": "label without a photo"}


def test_utkface(tree):
    names = [f"{age}_{age % 2}_{age % 5}_201701091{age:03d}.jpg.chip.jpg" for age in (1, 9, 26, 35, 116)]
    found = catalogue(tree(dict.fromkeys([*names * 4, "61_1_20170109142408075.jpg.chip.jpg"], "")), "utkface")
    assert found.describe("26_0_1_201701091026.jpg.chip.jpg")[1] == {
        "age": 26.0, "age_low": 26.0, "age_high": 26.0, "gender": "male", "race": "Black",
    }  # fmt: skip
    assert found.describe("116_0_1_201701091116.jpg.chip.jpg")[1]["age"] == 100.0
    assert found.describe("61_1_20170109142408075.jpg.chip.jpg") == (None, {})


def test_lfw(tree):
    found = catalogue(
        tree({"lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg": "", "lfw/Zico/Zico_0002.jpg": "", "pairs.txt": ""})
    )
    assert found.layout == "lfw"
    assert found.describe("lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg") == (None, {"person": "Aaron Eckhart"})


def test_ffhq(tree):
    labels = {
        "0": {"category": "training", "metadata": {"license": "CC BY 2.0", "photo_url": "u"}},
        "1": {"category": "validation"},
        "5": {"category": "training"},
    }
    files = {
        "ffhq-dataset-v2.json": json.dumps(labels),
        "images1024x1024/00000/00000.png": "",
        "images1024x1024/00000/00001.png": "",
        "thumbnails128x128/00000/00000.png": "",
    }
    found = catalogue(tree(files))
    assert found.layout == "ffhq"
    assert found.photos == ["images1024x1024/00000/00000.png", "images1024x1024/00000/00001.png"]
    assert found.describe(found.photos[0]) == ("train", {"photo_licence": "CC BY 2.0", "photo_url": "u"})
    assert found.describe(found.photos[1]) == ("validation", {})
    assert found.orphans == {"00005.png": "label without a photo"}
    assert recognise(tree({"00000/00001.png": ""})) == "ffhq"


def test_anything_else_is_a_folder(tree):
    found = catalogue(
        tree({"a/b/1.jpg": "", "2.webp": "", "photo without suffix": "", "x.heic": "", "n.md": ""})
    )
    assert found.layout == "folder"
    assert found.photos == ["2.webp", "a/b/1.jpg", "photo without suffix", "x.heic"]
    assert found.describe("2.webp") == (None, {})


def test_a_layout_that_is_not_there_is_refused(tree):
    source = tree({"1.jpg": ""})
    with pytest.raises(ConfigError, match="Did you mean 'celeba'"):
        catalogue(source, "celebaa")
    for layout in ("celeba", "fairface"):
        with pytest.raises(DataError, match=f"not laid out as {layout}"):
            catalogue(source, layout)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"metadata.csv": "name,age\na.jpg,3\n"}, "without 'file_name'"),
        ({"metadata.jsonl": "{broken"}, "line 1, is not JSON"),
        ({"metadata.parquet": b"PAR1 no"}, "not a Parquet file"),
        ({"metadata.csv": b"file_name\n\xff\xfe\n"}, "not UTF-8"),
    ],
)
def test_damaged_labels_are_named(tree, files, message):
    with pytest.raises(DataError, match=message):
        catalogue(tree({"a.jpg": "", **files}))


def test_unreadable_values_are_missing_and_kept_beside():
    row = canonical(
        {"Age": "old", "gender": "unknown", "emotion": "contempt", "smile": "2", "yaw": "0.1", "race": " x"},
        "t",
    )
    assert row == {
        "age_given": "old", "gender_given": "unknown", "emotion_given": "contempt", "smile_given": "2",
        "yaw": 0.1, "race": " x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "photos", "splits"),
    [
        ("fairface", 160, {"train", "validation"}),
        ("utkface", 150, {None}),
        ("celeba", 150, {"train", "validation", "test"}),
    ],
)
def test_the_real_layouts_are_recognised_and_every_photo_is_labelled(raw, tmp_path, name, photos, splits):
    found = catalogue(open_source(raw / name, tmp_path))
    assert found.layout == name
    assert len(found.photos) == photos
    assert not found.orphans
    rows = [found.describe(photo) for photo in found.photos]
    assert {split for split, _ in rows} == splits
    assert all(row["gender"] in ("female", "male") for _, row in rows)
    if name != "celeba":
        assert all(0 <= row["age_low"] <= row["age"] <= row["age_high"] <= 100 for _, row in rows)
