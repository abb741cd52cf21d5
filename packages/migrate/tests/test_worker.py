"""Tests of the worker process: scripts that crash it or take too long, reuse, and imports."""

import json
import subprocess

import pytest

from tensorsmith.migrate import SkippedError, migrate_files
from tensorsmith.migrate import worker as module

SCRIPT = "import tensorflow_addons as tfa\n\nlayer = tfa.layers.Maxout(4)\n"
CRASH = "import tensorflow_addons\nx = " + " and ".join(["a"] * 30_000) + "\n"  # flat for Python, but not for LibCST


@pytest.fixture
def worker(monkeypatch):
    """The workers that are started, instead of one worker for all tests."""
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(module.subprocess, "Popen", Popen)
    return started


def write(folder, **scripts):
    for name, script in scripts.items():
        (folder / f"{name}.py").write_text(script)


def results(folder):
    return {file.path.stem: file.result for file in migrate_files([folder], write=True)}


def test_scripts_that_crash_the_parser(worker, tmp_path):
    """They are reported, the others are migrated, and each crash costs one new process."""
    users = {
        f"user{number}": SCRIPT.replace("import tensorflow_addons as", "from common import") for number in range(9)
    }
    write(tmp_path, common=SCRIPT, m1=CRASH, m2=CRASH, **users)
    after = results(tmp_path)
    assert [str(after.pop(name)) for name in ("m1", "m2")] == [": too deeply nested"] * 2
    assert all(result.rewritten == 1 for result in after.values())
    assert len(after) == 10
    assert (tmp_path / "m1.py").read_text() == CRASH
    assert 1 <= len(worker) <= 3
    assert all(process.returncode is not None for process in worker)


def test_scripts_that_take_too_long(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 1)
    write(tmp_path, a=SCRIPT, b=SCRIPT + "y = tfa.layers.Maxout(3)\n" * 100_000, c=SCRIPT)
    after = results(tmp_path)
    assert str(after["b"]) == ": parsing it takes more than 1 seconds"
    assert (after["a"].complete, after["c"].complete) == (True, True)


def test_scripts_that_take_too_much_memory(worker, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(module, "MEMORY", 2e8)
    write(tmp_path, a=SCRIPT, b=SCRIPT + "y = tfa.layers.Maxout(3)\n" * 10_000, c=SCRIPT)
    after = results(tmp_path)
    assert str(after["b"]) == ": parsing it takes more than 0.2 GB of memory"
    assert (after["a"].complete, after["c"].complete) == (True, True)
    assert capfd.readouterr().err == ""


def test_large_files_are_skipped(worker, tmp_path):
    write(tmp_path, a=SCRIPT, b=SCRIPT + "#" * 5_000_000)
    cell = {"cell_type": "code", "source": [SCRIPT], "outputs": [{"text": "x" * 6_000_000}], "metadata": {}}
    (tmp_path / "c.ipynb").write_text(json.dumps({"cells": [cell]}))
    after = results(tmp_path)
    assert isinstance(after["b"], SkippedError)
    assert str(after["b"]) == ": larger than 5 MB, not parsed"
    assert (after["a"].complete, after["c"].complete) == (True, True)


def test_defects_of_the_migration(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CODE", "from tensorsmith.migrate import worker as w; w.rewrite = None; w.serve(30)")
    write(tmp_path, a=SCRIPT)
    assert str(results(tmp_path)["a"]).startswith(": internal error of the migration: TypeError: 'NoneType'")
    assert (tmp_path / "a.py").read_text() == SCRIPT


def test_worker_that_does_not_start(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CODE", "raise SystemExit(3)")
    write(tmp_path, a=SCRIPT)
    assert str(results(tmp_path)["a"]) == ": its parser ended with the exit code 3"


def test_modules_of_the_project_are_not_executed(worker, tmp_path, monkeypatch):
    """Modules in the current folder have the names of those that the worker imports."""
    attack = f"{SCRIPT}\nopen('executed', 'w')\n"
    write(tmp_path, **dict.fromkeys(("json", "libcst", "tensorsmith", "sitecustomize", "ast", "resource"), attack))
    monkeypatch.chdir(tmp_path)
    assert all(result.complete for result in results(tmp_path).values())
    assert not (tmp_path / "executed").exists()


def test_worker_ends_with_the_iteration(worker, tmp_path):
    write(tmp_path, a=SCRIPT, b=SCRIPT)
    files = migrate_files([tmp_path])
    next(files)
    (process,) = worker
    assert process.poll() is None
    files.close()
    assert process.returncode is not None
