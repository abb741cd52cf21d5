"""Tests of the migration of files and folders."""

import contextlib
import os
import resource
import signal
import subprocess
import sys

import pytest

from tensorsmith.core import replace_file
from tensorsmith.migrate import NotWrittenError, UnreadableError, migrate_files
from tensorsmith.testing import raises_argument_error

SCRIPT = (
    "import tensorflow_addons as tfa\n\n\x0c\n# \u2028 größe\n"
    "layer = tfa.layers.Maxout(4)\ncost = tfa.optimizers.KerasLegacyOptimizer(layer)"
)


@pytest.fixture
def project(tmp_path):
    """Creates files that are migrated and files that are not."""
    for name in ("main.py", "package/part.py", ".hidden/part.py", "environment/lib/part.py", "package/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(SCRIPT)
    (tmp_path / "environment/pyvenv.cfg").write_text("")
    (tmp_path / "plain.py").write_text("print(1)\n")
    (tmp_path / "main.py").chmod(0o755)
    return tmp_path


def texts(folder):
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_diff_matches_write(project):
    before = texts(project)
    shown = list(migrate_files([project]))
    assert texts(project) == before
    assert [(file.path.name, file.result.rewritten, file.result.left) for file in shown] == [
        ("main.py", 1, 1),
        ("plain.py", 0, 0),
        ("part.py", 1, 1),
    ]

    written = list(migrate_files([project], write=True))
    assert [file.diff for file in written] == [file.diff for file in shown]
    after = texts(project)
    changed = {str(path.relative_to(project)) for path in before if before[path] != after[path]}
    assert changed == {"main.py", "package/part.py"}
    assert (project / "main.py").stat().st_mode & 0o777 == 0o755
    assert not any(file.diff for file in migrate_files([project]))

    for path, text in before.items():
        path.write_text(text)
    command = ["git", "apply", "-p0", "--unsafe-paths", "-"]
    applied = subprocess.run(command, input=b"".join(file.diff for file in shown), capture_output=True, cwd="/")
    assert applied.returncode == 0, applied.stderr
    assert texts(project) == after


def test_unreadable_file_does_not_stop_migration(project):
    (project / "alpha.py").write_text("import tensorflow_addons\nprint 3\n")
    first, *_ = migrate_files([project], write=True)
    assert first.path == project / "alpha.py"
    assert isinstance(first.result, UnreadableError)
    assert str(first.result).startswith(":2: ")
    assert "tensorsmith.layers" in (project / "main.py").read_text()


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("pipe", os.mkfifo, ": not a file"),
        ("link", lambda path: path.symlink_to("nowhere"), ": symbolic link to a file that does not exist"),
        ("nested", lambda path: path.write_text("import tensorflow_addons\nx = " + "(" * 3000 + ")" * 3000), ":2: "),
        ("sum", lambda path: path.write_text("import tensorflow_addons\nx = 1" + " + 1" * 6000), ": too deeply nested"),
        ("chain", lambda path: path.write_text("import tensorflow_addons\nx = a" + ".b" * 6000), ": too deeply nested"),
        (
            "coding",
            lambda path: path.write_text("# coding: rot13\nimport tensorflow_addons\n"),
            ": not valid Python 3: ",
        ),
        ("python2", lambda path: path.write_text("x = 3\nprint x\n"), ":2: not valid Python 3: Missing parentheses"),
        ("null", lambda path: path.write_bytes(b"import tensorflow_addons\0\n"), ": not valid Python 3: "),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_files_that_cannot_be_read(name, make, message, listed, project):
    """The other files are migrated, whether the file is in a folder or given by name."""
    bad = project / f"{name}.py"
    make(bad)
    paths = [bad, project / "main.py"] if listed else [project]
    results = {file.path: file for file in migrate_files(paths, write=True)}
    assert str(results[bad].result).startswith(message)
    assert results[bad].diff == b""
    assert results[project / "main.py"].result.rewritten == 1
    assert "tensorsmith.layers" in (project / "main.py").read_text()


def test_file_that_is_edited_during_the_migration(project):
    files = migrate_files([project], write=True)
    assert next(files).path == project / "main.py"
    edited = SCRIPT + "\nmine = 1\n"
    (project / "package/part.py").write_text(edited)
    *_, last = files
    assert isinstance(last.result, NotWrittenError)
    assert str(last.result).startswith(": changed while it was migrated")
    assert (project / "package/part.py").read_text() == edited
    assert "tensorsmith.layers" in (project / "main.py").read_text()
    assert {path.name for path in (project / "package").iterdir()} == {"part.py", "notes.txt"}


@pytest.mark.parametrize("edit", [lambda path: path.write_text("mine = 1\n"), lambda path: path.unlink()])
def test_edit_directly_before_the_replacement(edit, project, monkeypatch):
    main = project / "main.py"

    @contextlib.contextmanager
    def replace_after_edit(path):
        with replace_file(path) as draft:
            edit(main)
            yield draft

    monkeypatch.setattr("tensorsmith.migrate.files.replace_file", replace_after_edit)
    (file,) = migrate_files([main], write=True)
    assert isinstance(file.result, NotWrittenError)
    assert (main.read_text() if main.exists() else "mine = 1\n") == "mine = 1\n"
    assert not list(project.glob(".tensorsmith-*"))


def test_hard_links_are_preserved(project):
    (project / "backup.py").hardlink_to(project / "main.py")
    results = {file.path.name: file for file in migrate_files([project], write=True)}
    for name in ("backup.py", "main.py"):
        assert isinstance(results[name].result, NotWrittenError)
        assert str(results[name].result).startswith(": has 2 hard links")
    assert (project / "backup.py").samefile(project / "main.py")
    assert (project / "main.py").read_text() == SCRIPT
    assert results["part.py"].result.rewritten == 1


def test_file_that_cannot_be_written(project):
    """The others are written."""
    (project / "alpha.py").write_text(SCRIPT + "\n" + "# comment\n" * 1000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        first, second, *_ = migrate_files([project], write=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(first.result) == ": not written: File too large"
    assert (project / "alpha.py").read_text().startswith(SCRIPT)
    assert second.result.rewritten == 1
    assert "tensorsmith.layers" in (project / "main.py").read_text()


def test_drafts_of_killed_processes_are_removed(project):
    """Also if nothing is left to write in their folder, but not if nothing is written at all."""
    code = (
        "import os, sys\nfrom tensorsmith.core import replace_file\n"
        f"with replace_file(sys.argv[1]):\n    os.kill(os.getpid(), {signal.SIGKILL:d})"
    )
    plain = project / "plain.py"
    killed = subprocess.run([sys.executable, "-c", code, plain])
    assert killed.returncode == -signal.SIGKILL
    assert list(migrate_files([plain]))
    assert list(project.glob(".tensorsmith-*"))
    assert list(migrate_files([plain], write=True))
    assert not list(project.glob(".tensorsmith-*"))
    assert plain.read_text() == "print(1)\n"


def test_no_such_path(tmp_path):
    with raises_argument_error("paths", received="nowhere"):
        list(migrate_files([tmp_path / "nowhere"]))


def test_owner_and_attributes_are_preserved(project, monkeypatch):
    path = project / "main.py"
    with contextlib.suppress(OSError):  # not all file systems have extended attributes
        os.setxattr(path, "user.tensorsmith", b"mine")
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    owners = []
    chown = os.chown
    monkeypatch.setattr(os, "chown", lambda file, *owner: owners.append(owner) or chown(file, *owner))
    (file,) = migrate_files([path], write=True)
    assert file.result.rewritten
    assert owners == [(path.stat().st_uid, path.stat().st_gid)]
    assert {name: os.getxattr(path, name) for name in os.listxattr(path)} == attributes


def test_files_of_other_users_are_not_written(project, monkeypatch):
    def refuse(*arguments):
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    (file,) = migrate_files([project / "main.py"], write=True)
    assert isinstance(file.result, NotWrittenError)
    assert "belongs to another user" in str(file.result)
    assert (project / "main.py").read_text() == SCRIPT
