import io
import os
import tarfile
import zipfile

import pytest

from facevae.data.sources import Span, open_source, read_span
from facevae.errors import DataError

FILES = {"train/人脸 1.jpg": b"first" * 1000, "train/b.png": b"second", "note.txt": b"a note"}


def as_folder(root):
    for name, data in FILES.items():
        path = root / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root / "photos"


def as_zip(root, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(root / "photos.zip", "w", method) as archive:
        archive.writestr("train/", b"")
        for name, data in FILES.items():
            archive.writestr(name, data)
        archive.writestr("__MACOSX/train/._b.png", b"junk")
        archive.writestr("train/.DS_Store", b"junk")
    return root / "photos.zip"


def as_tar(root, mode="w"):
    path = root / f"photos.tar{mode[1:].replace(':', '.')}"
    with tarfile.open(path, mode) as archive:
        for name, data in FILES.items():
            member = tarfile.TarInfo("./" + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    "make",
    [
        as_folder,
        as_zip,
        lambda root: as_zip(root, zipfile.ZIP_STORED),
        as_tar,
        lambda root: as_tar(root, "w:gz"),
        lambda root: as_tar(root, "w:bz2"),
        lambda root: as_tar(root, "w:xz"),
    ],
    ids=["folder", "zip", "stored zip", "tar", "tar.gz", "tar.bz2", "tar.xz"],
)
def test_every_kind_of_source_gives_the_same_names_and_bytes(make, tmp_path):
    tree = open_source(make(tmp_path), tmp_path / "scratch")
    assert list(tree.spans) == sorted(FILES)
    assert {name: tree.read(name) for name in tree.spans} == FILES
    assert tree.photos() == ["train/b.png", "train/人脸 1.jpg"]
    assert tree.name.startswith("photos")
    assert str(tmp_path) not in tree.name


def test_links_in_a_circle_end(tmp_path):
    root = as_folder(tmp_path)
    (root / "train" / "up").symlink_to(root)
    (root / "itself").symlink_to(root / "itself")
    (root / "linked.jpg").symlink_to(root / "train" / "b.png")
    tree = open_source(root, tmp_path)
    assert tree.photos() == ["linked.jpg", "train/b.png", "train/人脸 1.jpg"]
    assert list(tree.unreadable) == ["itself"]


def test_pipes_and_broken_links_are_named_and_never_opened(tmp_path):
    root = as_folder(tmp_path)
    os.mkfifo(root / "pipe.jpg")
    (root / "gone.jpg").symlink_to(root / "nowhere.jpg")
    tree = open_source(root, tmp_path)
    assert "neither a file nor a folder" in tree.unreadable["pipe.jpg"]
    assert "broken link" in tree.unreadable["gone.jpg"]


def test_a_folder_inside_the_source_can_be_left_out(tmp_path):
    root = as_folder(tmp_path)
    (root / "out").mkdir()
    (root / "out" / "face.jpg").write_bytes(b"x")
    assert "out/face.jpg" not in open_source(root, tmp_path, skip=root / "out").spans


def test_names_that_climb_out_of_an_archive_write_nothing(tmp_path):
    for make in (tarfile.open, zipfile.ZipFile):
        path = tmp_path / "evil"
        with make(path, "w") as archive:
            if isinstance(archive, zipfile.ZipFile):
                archive.writestr("../../evil.jpg", b"data")
            else:
                member = tarfile.TarInfo("../../evil.jpg")
                member.size = 4
                archive.addfile(member, io.BytesIO(b"data"))
                link = tarfile.TarInfo("link.jpg")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(link)
        inside = tmp_path / "a" / "b"
        tree = open_source(path, inside)
        assert tree.read("../../evil.jpg") == b"data"
        assert not inside.exists()
        assert not (tmp_path / "evil.jpg").exists()
        path.unlink()


def test_an_encrypted_member_is_unreadable_with_its_reason(tmp_path):
    path = as_zip(tmp_path)
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 1)
    path.write_bytes(data)
    assert set(open_source(path, tmp_path).unreadable.values()) == {"cannot read: encrypted"}


def test_a_damaged_member_is_a_data_error(tmp_path):
    path = as_zip(tmp_path)
    tree = open_source(path, tmp_path)
    span = tree.spans["train/人脸 1.jpg"]
    broken = Span(span.path, span.offset, span.size + 7, span.stored, span.method)
    with pytest.raises(DataError, match="damaged in the archive"):
        read_span(broken)
    with pytest.raises(DataError, match="too large"):
        read_span(Span(span.path, 0, 2**40, 2**40, "plain"))


def test_what_is_no_source_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "cut.zip").write_bytes(as_zip(tmp_path).read_bytes()[:40])
    for name, message in (
        ("absent", "there is no folder"),
        ("empty", "no photos in"),
        ("text", "neither a folder"),
        ("cut.zip", "neither a folder|cannot read"),
    ):
        with pytest.raises(DataError, match=message):
            open_source(tmp_path / name, tmp_path / "scratch")
