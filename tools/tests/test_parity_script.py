"""Tests of tools/parity.sh when it cannot build its environment, with a shell script as uv."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "parity.sh"
UV = """#!/bin/sh
echo "$*" >> calls
case "$*" in {fails}*) echo "disk full" >&2; exit 2;; esac
[ "$1" = venv ] && mkdir -p .venv/parity
exit 0
"""


@pytest.fixture
def build(tmp_path):
    """Runs parity.sh with a uv that fails at the given command; returns the result and the calls of uv."""

    def call(fails):
        for folder in ("tools", ".venv/bin"):
            (tmp_path / folder).mkdir(parents=True)
        shutil.copy(SCRIPT, tmp_path / "tools")
        (tmp_path / ".venv/bin/uv").write_text(UV.format(fails=fails))
        (tmp_path / ".venv/bin/uv").chmod(0o755)
        result = subprocess.run(["sh", "tools/parity.sh"], cwd=tmp_path, capture_output=True, text=True)
        return result, (tmp_path / "calls").read_text(), (tmp_path / ".venv/parity/ready").exists()

    return call


def test_built(build):
    result, calls, ready = build(fails="nothing")
    assert (result.returncode, result.stderr, ready) == (0, "", True)
    assert "tensorflow-addons==" in calls


def test_missing_python_3_11(build):
    result, calls, ready = build(fails="python")
    assert (result.returncode, ready) == (0, False)
    assert result.stderr.startswith("parity: Python 3.11 not found")
    assert len(result.stderr.splitlines()) == 1
    assert "venv" not in calls


@pytest.mark.parametrize("fails", ["venv", "pip"])
def test_other_errors_are_propagated(build, fails):
    result, _, ready = build(fails)
    assert (result.stderr, ready) == ("disk full\n", False)
    assert result.returncode != 0
