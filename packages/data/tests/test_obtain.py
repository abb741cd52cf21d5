import errno
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from tensorsmith.data import DataNotFoundError
from tensorsmith.data.datasets import obtain as obtain_module
from tensorsmith.data.datasets.hosts import SourceError
from tensorsmith.data.datasets.obtain import cache_folder, obtain

GOOD = b"abcdef"


def leftovers(folder):
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def test_second_call_uses_cache(cache, make_info):
    info = make_info(GOOD, GOOD)
    assert obtain(info) == obtain(info) == {"letters.txt": cache / "letters" / "letters.txt"}
    assert len(info.sources[0].asked) == 1
    assert leftovers(cache) == [cache / "letters" / "letters.txt"]


def test_sources_are_tried_in_order(cache, make_info):
    info = make_info(GOOD, SourceError("gone"), b"forged", GOOD, GOOD)
    assert obtain(info)["letters.txt"].read_bytes() == GOOD
    assert [len(source.asked) for source in info.sources] == [1, 1, 1, 0]


@pytest.mark.parametrize("bad", [GOOD[:3], b"abcdeX", b""], ids=["truncated", "tampered", "empty"])
def test_corrupted_cached_file_is_fetched_again(cache, make_info, bad, caplog):
    (cache / "letters").mkdir(parents=True)
    (cache / "letters" / "letters.txt").write_bytes(bad)
    assert obtain(make_info(GOOD, GOOD))["letters.txt"].read_bytes() == GOOD
    assert "truncated or modified" in caplog.text


@pytest.mark.parametrize("bad", [GOOD[:3], b"abcdeX"], ids=["truncated", "tampered"])
def test_corrupted_cached_file_error_message(cache, make_info, bad):
    (cache / "letters").mkdir(parents=True)
    (cache / "letters" / "letters.txt").write_bytes(bad)
    with pytest.raises(DataNotFoundError, match=rf"letters.txt is truncated or modified: {len(bad)} bytes"):
        obtain(make_info(GOOD, SourceError("gone")))
    assert (cache / "letters" / "letters.txt").read_bytes() == bad


def test_hash_mismatch(cache, make_info):
    with pytest.raises(DataNotFoundError, match='Could not obtain data set "letters". Sources tried:'):
        obtain(make_info(GOOD, b"forged"))
    assert leftovers(cache) == []


def test_error_lists_all_sources(cache, make_info, tmp_path):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with pytest.raises(DataNotFoundError) as caught:
        obtain(make_info(GOOD, SourceError("host is mute"), SourceError("package is gone")), downloads)
    message = str(caught.value)
    assert f"1. cache {cache / 'letters'}: no such folder" in message
    assert "2. fake place: host is mute" in message
    assert "3. fake place: package is gone" in message
    assert f"4. folder {downloads}: letters.txt is missing" in message
    assert f"5. folder {downloads / 'letters'}: no such folder" in message
    assert f"For manual installation, put letters.txt into {cache / 'letters'}" in message
    assert len(caught.value.tried) == 5


def test_failed_sources_are_reported(cache, make_info, caplog):
    """One line for each source that is given up in favor of the next one. The last one is part of the error."""
    with caplog.at_level(logging.INFO, "tensorsmith.data"):
        obtain(make_info(GOOD, SourceError("host is mute"), b"other", GOOD))
    reasons = [record.message for record in caplog.records if "failed" in record.message]
    assert reasons[0] == "letters: fake place failed, trying the next source: host is mute"
    assert reasons[1].startswith("letters: fake place failed, trying the next source: letters.txt is truncated")
    assert len(reasons) == 2
    caplog.clear()
    with pytest.raises(DataNotFoundError):
        obtain(make_info(b"missing", SourceError("host is mute")))
    assert not [record for record in caplog.records if "failed" in record.message]


def test_user_folder_is_last_source(cache, make_info, tmp_path):
    (tmp_path / "downloads" / "letters").mkdir(parents=True)
    file = tmp_path / "downloads" / "letters" / "letters.txt"
    file.write_bytes(GOOD)
    info = make_info(GOOD, SourceError("gone"))
    assert obtain(info, tmp_path / "downloads") == {"letters.txt": file}
    assert len(info.sources[0].asked) == 1
    file.write_bytes(b"forged")
    with pytest.raises(DataNotFoundError, match='Could not obtain data set "letters". Sources tried:'):
        obtain(info, tmp_path / "downloads")


def test_offline_asks_no_source(cache, make_info, monkeypatch):
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    info = make_info(GOOD, GOOD)
    with pytest.raises(DataNotFoundError, match="fake place: skipped, TENSORSMITH_OFFLINE is set"):
        obtain(info)
    assert info.sources[0].asked == []
    assert not cache.exists()


def test_cache_folder_creation_fails(make_info, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path / "file"))
    with pytest.raises(DataNotFoundError, match="letters: cannot write to") as caught:
        obtain(make_info(GOOD, GOOD))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_disk_error_removes_partial_files(cache, make_info, code):
    info = make_info(GOOD, OSError(code, os.strerror(code)), GOOD)
    with pytest.raises(DataNotFoundError, match=f"cannot write to .*: {os.strerror(code)}. Free some space") as caught:
        obtain(info)
    assert "\n" not in str(caught.value)
    assert leftovers(cache) == []


def test_user_folder_with_unwritable_cache(make_info, tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORSMITH_DATA", "/dev/null")
    (tmp_path / "letters.txt").write_bytes(GOOD)
    assert obtain(make_info(GOOD, GOOD), tmp_path) == {"letters.txt": tmp_path / "letters.txt"}


def test_free_space_is_checked_before_download(cache, make_info, monkeypatch):
    usage = obtain_module.shutil.disk_usage("/")
    monkeypatch.setattr(obtain_module.shutil, "disk_usage", lambda _: usage._replace(free=10))
    info = make_info(GOOD, GOOD)
    with pytest.raises(DataNotFoundError, match="needs 50 MB of free disk space"):
        obtain(info)
    assert info.sources[0].asked == []


def test_write_error_removes_partial_files(cache, serve, send):
    """Tests a write that fails midway because of the file size limit of the process, as on a full disk."""
    content = bytes(200_000)
    address = serve(lambda handler: send(handler, content))
    result = run_fetch(address, content, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (99_999, 99_999))")
    assert result.wait(timeout=20) == 1
    error = result.stderr.read()
    assert "cannot write to" in error
    assert "File too large" in error
    assert leftovers(cache) == []


@pytest.mark.parametrize("place", ["cache", "folder"])
def test_named_pipe_in_place_of_file(cache, make_info, tmp_path, place):
    """A pipe is not read, because nobody may ever write to it. In the cache, it is replaced like a damaged file."""
    path = (cache / "letters" if place == "cache" else tmp_path / "own") / "letters.txt"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    reason = r"letters\.txt is not a regular file"
    with pytest.raises(DataNotFoundError, match=rf"{place} .*/(letters|own): {reason}"):
        obtain(make_info(GOOD, SourceError("gone")), path.parent if place == "folder" else None)
    assert path.is_fifo()
    if place == "cache":
        assert obtain(make_info(GOOD, GOOD))["letters.txt"].read_bytes() == GOOD


def test_folder_in_place_of_file(cache, make_info):
    """The error names the folder, and does not recommend to free space. Nothing is downloaded."""
    path = cache / "letters/letters.txt"
    path.mkdir(parents=True)
    info = make_info(GOOD, GOOD)
    expected = (
        rf"cannot write to {path.parent}: a folder has the name of a file\. Remove or rename the folder {path}\.$"
    )
    with pytest.raises(DataNotFoundError, match=expected):
        obtain(info)
    assert path.is_dir()
    assert info.sources[0].asked == []


def test_files_of_killed_process_are_removed(cache, serve, send):
    """The next process removes them. The files of a process that is still downloading are kept."""
    stopped = threading.Event()
    content = os.urandom(300_000)

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:200_000])
        handler.wfile.flush()
        stopped.wait(60)
        handler.wfile.write(content[200_000:])

    killed, running = (run_fetch(serve(answer), content) for _ in range(2))
    parts = wait_for(lambda: len(list(cache.glob("letters/*/content/letters.txt"))) == 2)
    assert parts
    killed.kill()
    killed.wait()
    other = run_fetch(serve(lambda handler: send(handler, content)), content)
    assert other.wait(timeout=60) == 0, other.stderr.read()
    assert len(list(cache.glob("letters/*/content/letters.txt"))) == 1
    stopped.set()
    assert running.wait(timeout=60) == 0, running.stderr.read()
    assert list(cache.rglob("*")) == [cache / "letters", cache / "letters/letters.txt"]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_two_processes_fetch_at_once(cache, serve, send):
    content = os.urandom(300_000)
    address = serve(lambda handler: send(handler, content, piece=30_000, pause=0.05))
    both = [run_fetch(address, content) for _ in range(2)]
    for process in both:
        assert process.wait(timeout=20) == 0, process.stderr.read()
    assert leftovers(cache) == [cache / "letters" / "letters.txt"]
    assert (cache / "letters" / "letters.txt").read_bytes() == content


def run_fetch(address, content, first=""):
    """Starts a process that fetches `letters.txt` from an address into the cache set in the environment."""
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    program = f"""
        {first}
        from tensorsmith.data import DatasetInfo
        from tensorsmith.data.datasets.obtain import obtain
        from tensorsmith.data.datasets.hosts import Address, File
        source = Address((File("letters.txt", {len(content)}, "{digest}"),), "{address}")
        obtain(DatasetInfo("letters", "", "", "", "", {{}}, lambda files, split: ("", None), (source,)))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return Started(command, stderr=subprocess.PIPE, text=True)


class Started(subprocess.Popen):
    """A process whose pipe is closed on exit."""

    def __del__(self):
        self.stderr.close()
        super().__del__()


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("TENSORSMITH_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert str(cache_folder()) == "/caches/tensorsmith/data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert str(cache_folder()) == "/home/me/.cache/tensorsmith/data"
