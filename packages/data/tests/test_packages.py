import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace

import pytest

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts import Combined, DebianPackage, File, NpmPackage, PythonArchive, SourceError
from tensorsmith.data.datasets.hosts.command import run

from .conftest import Fake, Recorder, pin

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


def test_debian_package_with_many_files(folder, apt_get, deb):
    """Selected files are stored in one zip archive."""
    apt_get(f"cp {deb} .")
    file = File("selected.zip", 1000, "")
    host = DebianPackage((file,), "letters", "1.0", 1000, "usr/share", select=lambda name: name == "letters/more.txt")
    host.fetch(folder, ProgressTask())
    with zipfile.ZipFile(folder / "selected.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"letters/more.txt": CONTENT}
    assert not list(folder.rglob("*.txt"))


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
        run("sleeper", ["sh", "-c", f"(sleep 2; touch {tmp_path}/alive) & sleep 60"], folder, lambda: None, limit=0.3)
    assert time.monotonic() - started < 30
    time.sleep(2)
    assert not (tmp_path / "alive").exists()


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Returns a function that puts an npm first in the PATH, which downloads an archive with a given content."""

    def make(content, line='for last; do :; done; cp {archive} "${{last#--pack-destination=}}"'):
        archive = tmp_path / "letters-1.0.tgz"
        (tmp_path / "letters.txt").write_bytes(content)
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(tmp_path / "letters.txt", "package/data/letters.txt")
            packed.add(tmp_path / "letters.txt", "package/data/letters.js")
        script = tmp_path / "bin" / "npm"
        script.parent.mkdir()
        script.write_text("\n".join(["#!/bin/sh", f'echo "$@" > {tmp_path}/arguments', line.format(archive=archive)]))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
        file = File("selected.zip", 1000, "")
        pinned = pin(archive.name, archive.read_bytes())
        return NpmPackage((file,), "letters", "1.0", pinned, "package/data", lambda name: name.endswith(".txt"))

    return make


def test_npm_package(folder, npm, tmp_path):
    npm(CONTENT).fetch(folder, ProgressTask())
    with zipfile.ZipFile(folder / "selected.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"letters.txt": CONTENT}
    assert "pack letters@1.0 --ignore-scripts" in (tmp_path / "arguments").read_text()


def test_npm_package_errors(folder, npm, monkeypatch):
    host = npm(CONTENT)
    with pytest.raises(SourceError, match=r"letters-1\.0\.tgz has sha256 .*, expected 000000000000\.\.\."):
        replace(host, archive=replace(host.archive, sha256="0" * 64)).fetch(folder, ProgressTask())
    (folder / "npm").rename(folder / "first")
    with pytest.raises(SourceError, match=r"npm did not download other\.tgz"):
        replace(host, archive=replace(host.archive, name="other.tgz")).fetch(folder, ProgressTask())
    (folder / "npm").rename(folder / "second")
    monkeypatch.setenv("PATH", str(folder / "first"))
    with pytest.raises(SourceError, match="npm is not installed"):
        host.fetch(folder, ProgressTask())


def test_combined_hosts(folder):
    parts = [Fake((pin(name, content),), content, []) for name, content in (("a.txt", b"aa"), ("b.txt", b"b"))]
    host = Combined(tuple(parts))
    assert (host.size, host.location) == (3, "fake place and fake place")
    host.fetch(folder, ProgressTask())
    assert [(folder / file.name).read_bytes() for file in host.files] == [b"aa", b"b"]
    reports = []
    (folder / "more").mkdir()
    Combined((Reporting((pin("c.txt", b"ccc"),), b"ccc", []),) * 2).fetch(folder / "more", Recorder(reports))
    assert reports == [3, 6]


class Reporting(Fake):
    def fetch(self, folder, task):
        super().fetch(folder, task)
        task.set_completed(3)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip is configured for, instead of a package index."""
    (tmp_path / "index").mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


@pytest.fixture
def wheel(index):
    path = index / "letters-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letters/data/letters.txt", CONTENT)
        archive.writestr("letters-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: letters\nVersion: 1.0\n")
    return PythonArchive(DEBIAN.files, "letters", "1.0", pin(path.name, path.read_bytes()), "letters/data")


@pytest.fixture
def source(index, tmp_path):
    """A source archive whose setup.py creates a file when it is executed."""
    (tmp_path / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    path = index / "letters-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "letters-1.0/setup.py")
    file = pin(path.name, path.read_bytes())
    return PythonArchive((file,), "letters", "1.0", file)


def test_wheel(folder, wheel):
    reports = []
    wheel.fetch(folder, Recorder(reports))
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]
    assert (folder / "letters.txt").read_bytes() == CONTENT
    assert reports[-1] == wheel.size


def test_source_archive_is_not_executed(folder, source, wheel, tmp_path):
    """The archive is found beside a wheel of the same version."""
    source.fetch(folder, ProgressTask())
    assert [path.name for path in folder.iterdir()] == ["letters-1.0.tar.gz"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["wheel", "source"])
def test_hash_mismatch(folder, kind, request):
    """An archive with another hash is not unpacked."""
    host = request.getfixturevalue(kind)
    other = replace(host, archive=File(host.archive.name, host.archive.size, "0" * 64))
    expected = rf"{re.escape(other.archive.name)} has sha256 {host.archive.sha256[:12]}\.\.\., expected 000000000000"
    with pytest.raises(SourceError, match=expected):
        other.fetch(folder, ProgressTask())
    assert not (folder / "letters.txt").exists()


def test_unknown_package_version(folder, wheel):
    with pytest.raises(SourceError, match=r"the package index does not have letters-1.0-py3-none-any.whl"):
        replace(wheel, version="2.0").fetch(folder, ProgressTask())


def test_no_network(folder, wheel, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")  # the discard port, where no server listens
    with pytest.raises(SourceError, match="no connection to the package index: .*refused"):
        wheel.fetch(folder, ProgressTask())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FIND_LINKS", "missing-folder", "pip is configured with no-index and without an existing find-links"),
        ("CERT", "missing.pem", "the configuration of pip cannot be used: .*No such file"),
        ("PROXY", "no proxy", "the configuration of pip cannot be used: .*proxy"),
    ],
)
def test_invalid_configuration(folder, wheel, monkeypatch, name, value, expected):
    monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(SourceError, match=expected):
        wheel.fetch(folder, ProgressTask())


def test_no_index(folder, wheel, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(SourceError, match="pip is configured with no-index and without an existing find-links"):
        wheel.fetch(folder, ProgressTask())


@pytest.fixture
def server(serve, send, index, tmp_path, monkeypatch):
    """A package index that a configuration file of pip names. It serves the files of a folder in parts."""
    asked = []

    def answer(handler):
        asked.append(handler.path)
        if handler.path == "/simple/letters/":
            links = "".join(f'<a href="/files/{path.name}">{path.name}</a>' for path in sorted(index.iterdir()))
            handler.send_response(200)
            handler.send_header("Content-Type", "text/html")
            handler.end_headers()
            handler.wfile.write(f"<!DOCTYPE html><html><body>{links}</body></html>".encode())
        elif handler.path.startswith("/files/"):
            send(handler, (index / handler.path.removeprefix("/files/")).read_bytes(), piece=100)
        else:
            handler.send_error(404)

    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    (tmp_path / "pip.conf").write_text(f"[global]\nindex_url = {serve(answer).replace('{name}', 'simple')}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    return asked


@pytest.mark.parametrize("kind", ["wheel", "source"])
def test_package_index(folder, server, kind, request):
    host = request.getfixturevalue(kind)
    reports = []
    host.fetch(folder, Recorder(reports))
    assert all((folder / file.name).stat().st_size == file.size for file in host.files)
    assert server == ["/simple/letters/", f"/files/{host.archive.name}"]
    assert reports[-1] == host.size


def test_package_that_the_index_lacks(folder, server, wheel, caplog):
    with pytest.raises(SourceError, match=r"does not have letters-1\.0.*: .*404"):
        replace(wheel, name="numbers").fetch(folder, ProgressTask())
    assert not caplog.records


def test_archive_that_is_too_large(folder, server, wheel):
    small = replace(wheel, archive=replace(wheel.archive, size=100))
    with pytest.raises(SourceError, match="is larger than the expected 100 bytes"):
        small.fetch(folder, ProgressTask())


def test_environment_takes_precedence(folder, server, wheel, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match="no connection to the package index"):
        wheel.fetch(folder, ProgressTask())
    assert server == []


def test_python_without_pip(folder, wheel, monkeypatch, tmp_path):
    (tmp_path / "python").write_text(f'#!/bin/sh\nshift 2; exec {sys.executable} -m no_pip_here "$@"')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(SourceError, match="pip failed: .*No module named no_pip_here"):
        wheel.fetch(folder, ProgressTask())
