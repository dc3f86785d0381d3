"""Visitors' files: their room on the disk, whose they are, and what is left of a process that was killed."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facevae.server.problems import BusyError
from facevae.server.uploads import TooLargeError
from facevae.studio.files import LEAST_BYTES, FileLimits, Files, Visitor, plain_name
from facevae.studio.own_folder import clear_leftovers, lock

ONE, OTHER = Visitor("one", "10.0.0.1"), Visitor("other", "10.0.0.2")
SIZE = LEAST_BYTES


def files_of(folder: Path, total: int = 100, visitor: int = 4, keep_s: float = 100.0) -> Files:
    """With room for so many of the smallest files."""
    return Files(folder, FileLimits(total * SIZE, visitor * SIZE, keep_s))


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_file_is_its_visitors_alone_and_found_by_its_exact_path(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    path = files.keep(ONE, "me.png", b"photo")
    assert files.find(ONE, path) == Path(path)
    assert Path(path).read_bytes() == b"photo"
    assert files.find(OTHER, path) is None
    for wrong in (f"{path}/", path.replace("/me", "/./me"), path.upper(), None, 3, [path], {"path": path}):
        assert files.find(ONE, wrong) is None


def test_the_oldest_files_of_a_visitor_make_room_for_its_newest(tmp_path: Path) -> None:
    files = files_of(tmp_path, visitor=4)
    paths = [files.keep(ONE, f"{number}.png", bytes(SIZE)) for number in range(6)]
    assert [files.find(ONE, path) is not None for path in paths] == [False] * 2 + [True] * 4
    assert on_disk(tmp_path) == files.taken_bytes() == 4 * SIZE


def test_more_than_all_may_have_is_refused_and_taken_again_when_it_is_old(tmp_path: Path) -> None:
    files = files_of(tmp_path, total=6, visitor=3, keep_s=0.3)
    for address in ("1", "2"):
        for number in range(3):
            files.keep(Visitor(f"{address}{number}", address), "a.png", bytes(SIZE))
    with pytest.raises(BusyError, match="deleted after"):
        files.keep(Visitor("new", "3"), "a.png", b"")
    time.sleep(0.35)
    files.keep(Visitor("new", "3"), "a.png", b"")
    assert files.taken_bytes() == SIZE
    assert len(list(tmp_path.rglob("*.png"))) == 1


def test_one_address_may_fill_half_however_many_visitors_it_is(tmp_path: Path) -> None:
    files = files_of(tmp_path, total=8, visitor=2)
    for number in range(4):
        files.keep(Visitor(str(number), "10.0.0.1"), "a.png", bytes(SIZE))
    with pytest.raises(BusyError):
        files.keep(Visitor("another", "10.0.0.1"), "a.png", b"")
    files.keep(OTHER, "a.png", b"")


def test_what_is_on_its_way_counts_and_is_let_go_when_it_ends(tmp_path: Path) -> None:
    files = files_of(tmp_path, total=8, visitor=4)
    with files.taking(ONE) as take:
        for _ in range(4):
            take(SIZE)
        assert files.taken_bytes() == 4 * SIZE
        with pytest.raises(TooLargeError, match="one visitor"):
            take(1)
    assert files.taken_bytes() == 0
    with files.taking(ONE) as take:
        take(SIZE + 500)  # a form has more than its file
        take.keep("a.png", io.BytesIO(bytes(SIZE)))
        assert files.taken_bytes() == SIZE + 500
    assert files.taken_bytes() == SIZE


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("me.png", "me.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\me.png", "me.png"),
        ("..", "file"),
        ("", "file"),
        (".ssh", "ssh"),
        ("人脸 1.png", "人脸 1.png"),
        ("a\x00b\n.png", "a_b_.png"),
    ],
)
def test_a_name_leads_nowhere(name: str, plain: str) -> None:
    assert plain_name(name) == plain
    assert len(plain_name("长" * 500).encode()) < 255


HOLD = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from facevae.studio.own_folder import own_folder
(own_folder() / "photo.png").write_bytes(b"secret")
print("ready", flush=True)
time.sleep(60)
"""


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    def held() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdout.close()
        return process

    with held() as killed:
        killed.kill()
    left = list(tmp_path.glob("facevae-studio-*"))
    assert len(left) == 1
    (tmp_path / "facevae-studio-link").symlink_to("/")
    with held() as living:
        (folder,) = (one for one in tmp_path.glob("facevae-studio-*") if not one.is_symlink())
        assert folder not in left
        clear_leftovers(tmp_path)
        assert (folder / "photo.png").exists()
        assert lock(folder) is None
        living.send_signal(signal.SIGINT)
    assert not folder.exists()
