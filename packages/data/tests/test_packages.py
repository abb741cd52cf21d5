import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace

import pytest

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts import DebianPackage, File, PythonArchive, SourceError
from tensorsmith.data.datasets.hosts.command import run

from .conftest import Recorder, pin

CONTENT = b"a b c d"
DEBIAN = DebianPackage((pin("letters.txt", CONTENT),), "letters", "1.0", 1000, "usr/share/letters")


@pytest.fixture
def folder(cache, tmp_path):
    (tmp_path / "fresh").mkdir()
    return tmp_path / "fresh"


@pytest.fixture
def apt_get(tmp_path, monkeypatch):
    """Returns a function that puts an apt-get first in the PATH: a shell script with the given lines."""

    def make(*lines):
        script = tmp_path / "bin" / "apt-get"
        script.parent.mkdir()
        script.write_text("\n".join(["#!/bin/sh", *lines]))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")

    return make


@pytest.fixture
def deb(tmp_path):
    """A real Debian package."""
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: letters\nVersion: 1.0\nArchitecture: all\nMaintainer: me <me@example.org>\nDescription: letters\n"
    )
    (root / "usr/share/letters").mkdir(parents=True)
    (root / "usr/share/letters/letters.txt").write_bytes(CONTENT)
    (root / "usr/share/letters/more.txt").write_bytes(CONTENT)
    subprocess.run(["dpkg-deb", "-b", root, tmp_path / "letters_1.0_all.deb"], check=True, capture_output=True)
    return tmp_path / "letters_1.0_all.deb"


def test_debian_package(folder, apt_get, deb):
    apt_get(f"cp {deb} .")
    reports = []
    DEBIAN.fetch(folder, Recorder(reports))
    assert (folder / "letters.txt").read_bytes() == CONTENT
    assert not (folder / "more.txt").exists()
    assert reports[-1] == deb.stat().st_size


def test_debian_package_without_package_lists(folder, apt_get, deb, tmp_path):
    apt_get(
        f'echo "$@" >> {tmp_path}/calls',
        'case "$*" in',
        "*update*Dir::State::Lists=*) exit 0;;",
        f"*Dir::State::Lists=*) cp {deb} .; exit 0;;",
        'esac; echo "E: Unable to locate package letters" >&2; exit 100',
    )
    DEBIAN.fetch(folder, ProgressTask())
    assert (folder / "letters.txt").read_bytes() == CONTENT
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[1] for call in calls] == ["download", "update", "download"]


def test_debian_package_error_message(folder, apt_get):
    apt_get("echo noise >&2", "echo 'E: Could not resolve host' >&2", "exit 100")
    with pytest.raises(SourceError, match=r"^apt-get failed: E: Could not resolve host$"):
        DEBIAN.fetch(folder, ProgressTask())


def test_apt_get_not_installed(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(SourceError, match="apt-get is not installed"):
        DEBIAN.fetch(folder, ProgressTask())


def test_command_timeout_kills_children(folder, tmp_path):
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"sleeper did not finish within 0\.3 s"):
        run("sleeper", ["sh", "-c", f"(sleep 1; touch {tmp_path}/alive) & sleep 60"], folder, lambda: None, limit=0.3)
    assert time.monotonic() - started < 5
    time.sleep(1)
    assert not (tmp_path / "alive").exists()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip installs from, instead of a package index."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


@pytest.fixture
def wheel(index):
    path = index / "letters-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letters/data/letters.txt", CONTENT)
        archive.writestr("letters-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: letters\nVersion: 1.0\n")
        archive.writestr("letters-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("letters-1.0.dist-info/RECORD", "")
    return PythonArchive(DEBIAN.files, "letters", "1.0", pin(path.name, path.read_bytes()), "letters/data")


def test_wheel(folder, wheel):
    reports = []
    wheel.fetch(folder, Recorder(reports))
    assert (folder / "letters.txt").read_bytes() == CONTENT
    assert reports[-1] >= wheel.size


def test_wheel_hash_mismatch(folder, wheel):
    other = replace(wheel, archive=File(wheel.archive.name, wheel.archive.size, "0" * 64))
    with pytest.raises(SourceError, match="pip failed: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"):
        other.fetch(folder, ProgressTask())


def test_unknown_package_version(folder, wheel):
    with pytest.raises(SourceError, match=r"pip failed: ERROR: .*letters==2.0"):
        replace(wheel, version="2.0").fetch(folder, ProgressTask())


def test_no_network(folder, wheel, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")  # the discard port, where no server listens
    with pytest.raises(SourceError, match="pip failed: no connection to the package index"):
        wheel.fetch(folder, ProgressTask())


def test_source_archive_hash_mismatch(folder, index, tmp_path):
    (tmp_path / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    path = index / "letters-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "letters-1.0/setup.py")
    archive = File(path.name, 1000, "0" * 64)
    with pytest.raises(SourceError, match="DO NOT MATCH THE HASHES"):
        PythonArchive((archive,), "letters", "1.0", archive).fetch(folder, ProgressTask())
    assert not (tmp_path / "ran").exists()


def test_python_without_pip(folder, wheel, monkeypatch, tmp_path):
    (tmp_path / "python").write_text(f'#!/bin/sh\nshift 2; exec {sys.executable} -m no_pip_here "$@"')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(SourceError, match="pip failed: .*No module named no_pip_here"):
        wheel.fetch(folder, ProgressTask())
