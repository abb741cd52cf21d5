"""Tests of atomic file replacement."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from tensorsmith.core import UnreadableFileError, files, read_text, replace_file


def write_half(target):
    with replace_file(target) as draft:
        draft.write_text("half")
        raise RuntimeError


def test_failure_preserves_old_file(tmp_path):
    target = tmp_path / "numbers.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError):
        write_half(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_draft_has_target_suffix(tmp_path):
    with replace_file(tmp_path / "model.keras") as draft:
        assert draft.suffix == ".keras"
        assert tmp_path in draft.parents


def test_file_mode_follows_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with replace_file(tmp_path / "file") as draft:
            draft.write_text("")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_disk_full_error_names_file(tmp_path):
    target = tmp_path / "numbers.txt"
    with pytest.raises(OSError, match="No space left") as caught, replace_file(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(target)


@pytest.mark.parametrize(
    ("name", "kind"), [("nowhere/file", FileNotFoundError), ("folder", IsADirectoryError), ("f/g", NotADirectoryError)]
)
def test_errors_name_the_target(tmp_path, monkeypatch, name, kind):
    (tmp_path / "folder").mkdir()
    (tmp_path / "f").touch()
    monkeypatch.chdir(tmp_path)
    for target in (tmp_path / name, name):
        with pytest.raises(kind, match=rf": '{target}'$"), replace_file(target):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "folder"]


def test_file_and_folder_are_synced(tmp_path, monkeypatch):
    """The content is on the disk before the file is renamed, and the name is before the call returns."""
    target = tmp_path / "numbers.txt"
    target.write_text("old")
    synced = []

    def fsync(descriptor):
        kind = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((os.fstat(descriptor).st_ino, kind, target.read_text()))

    monkeypatch.setattr(os, "fsync", fsync)
    with replace_file(target) as draft:
        draft.write_text("new")
    assert synced == [(target.stat().st_ino, False, "old"), (tmp_path.stat().st_ino, True, "new")]


def write_unsynced(target, monkeypatch, code):
    """Replaces a file while `fsync` fails."""
    target.write_text("old")

    def fsync(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    with replace_file(target) as draft:
        draft.write_text("new")


def test_file_system_without_fsync(tmp_path, monkeypatch):
    write_unsynced(tmp_path / "numbers.txt", monkeypatch, errno.EINVAL)
    assert (tmp_path / "numbers.txt").read_text() == "new"


def test_disk_that_does_not_store_the_file(tmp_path, monkeypatch):
    with pytest.raises(OSError, match="Input/output error"):
        write_unsynced(tmp_path / "numbers.txt", monkeypatch, errno.EIO)
    assert (tmp_path / "numbers.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


PROGRAM = """
import sys
from tensorsmith.core import replace_file
with replace_file(sys.argv[1]) as draft:
    draft.write_text("of another process")
    print("written", flush=True)
    sys.stdin.read()
"""


OTHER = PROGRAM.rpartition("    print")[0]  # does not wait


@pytest.fixture
def writer():
    """Returns a function that starts a process which replaces a file and waits with the draft."""
    started = []

    def start(target):
        command = [sys.executable, "-c", PROGRAM, str(target)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"written\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_folders_without_a_lock_are_removed(tmp_path):
    """A process can be killed between the creation of the folder and that of its lock, or between their removal."""
    names = [f"{files.PREFIX}{name}" for name in ("empty", "unlocked", "full", "link")]
    empty, unlocked, full, link = (tmp_path / name for name in names)
    for folder in (empty, unlocked, full, tmp_path / "mine"):
        folder.mkdir()
    for file in (unlocked / files.LOCK, full / files.LOCK, full / "mine.txt", tmp_path / "mine" / files.LOCK):
        file.touch()
    link.symlink_to("mine")
    with replace_file(tmp_path / "x.txt"):
        pass
    left = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    expected = [full, full / files.LOCK, full / "mine.txt", link]
    expected += [tmp_path / name for name in ("mine", f"mine/{files.LOCK}", "x.txt")]
    assert left == sorted(path.relative_to(tmp_path) for path in expected)


@pytest.mark.parametrize("function", ["tempfile.mkdtemp", "fcntl.flock"])
def test_folder_that_is_not_locked_yet(tmp_path, monkeypatch, function):
    """Tests that a process loses nothing if another one starts before it has created or locked the lock file."""
    module, name = function.split(".")
    original = getattr(getattr(files, module), name)
    others = []

    def interrupted(*arguments, **options):
        before = name == "flock"
        result = None if before else original(*arguments, **options)
        if not others:
            others.append(subprocess.run([sys.executable, "-c", OTHER, str(tmp_path / "other.txt")], check=True))
        return original(*arguments, **options) if before else result

    monkeypatch.setattr(getattr(files, module), name, interrupted)
    with replace_file(tmp_path / "x.txt") as draft:
        draft.write_text("1 2 3")
    assert others
    assert (tmp_path / "x.txt").read_text() == "1 2 3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.txt", "x.txt"]


def test_draft_of_killed_process_is_removed(tmp_path, writer):
    """The draft of a process that is still running is not removed."""
    running = writer(tmp_path / "running.txt")
    (kept,) = tmp_path.iterdir()
    killed = writer(tmp_path / "killed.txt")
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    with replace_file(tmp_path / "mine.txt") as draft:
        draft.write_text("")
    assert sorted(path.name for path in tmp_path.iterdir()) == [kept.name, "mine.txt"]
    running.communicate()
    assert running.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "running.txt"]
    assert (tmp_path / "running.txt").read_text() == "of another process"


def test_other_folders_are_not_removed(tmp_path):
    """Tests folders that no process of this machine made: without a lock, of another machine, and linked."""
    (tmp_path / "linked/content").mkdir(parents=True)
    (tmp_path / "linked/lock").write_bytes(files.OWNER)
    (tmp_path / ".tensorsmith-link").symlink_to("linked")
    for name, owner in ((".tensorsmith-mine", None), (".tensorsmith-far", b"tensorsmith another-machine")):
        (tmp_path / name / "content").mkdir(parents=True)
        if owner:
            (tmp_path / name / "lock").write_bytes(owner)
    os.mkfifo(tmp_path / ".tensorsmith-mine/lock")
    (tmp_path / ".tensorsmith-file").touch()
    before = sorted(tmp_path.rglob("*"))
    with replace_file(tmp_path / "z.txt") as draft:
        draft.write_text("")
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "z.txt"]


def test_large_and_special_files_are_not_read(tmp_path):
    """A sparse file needs no space in an archive, but memory when it is read. Reading a named pipe does not return."""
    (tmp_path / "small.txt").write_text("é")
    assert read_text(tmp_path / "small.txt") == "é"
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.truncate(2 << 30)
    os.mkfifo(tmp_path / "pipe.txt")
    for path in (tmp_path / "sparse.txt", tmp_path / "pipe.txt", "/dev/zero", tmp_path):
        with pytest.raises(UnreadableFileError, match="regular file of at most 5,000,000 bytes"):
            read_text(path)
    with pytest.raises(UnreadableFileError, match="of at most 1 bytes, got .*small.txt of 2 bytes"):
        read_text(tmp_path / "small.txt", limit=1)
