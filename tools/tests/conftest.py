"""Runs of the smallest recipe, shared by the tests."""

import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def tensorsmith():
    """Calls the command as a user would, in a process of its own."""

    def call(*arguments, cwd=None, env=None):
        return subprocess.run(
            [sys.executable, "-m", "tensorsmith.tools", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "200", **(env or {})},
            timeout=120,
        )

    return call


@pytest.fixture(scope="session")
def finished_run(tensorsmith, tmp_path_factory):
    """The folder of a finished smoke run, made with the default place, and what was printed."""
    folder = tmp_path_factory.mktemp("finished")
    result = tensorsmith("run", "mlp/digits", "--smoke", "--seed", "3", cwd=folder)
    assert result.returncode == 0, result.stderr
    (path,) = (folder / "runs" / "mlp-digits").iterdir()
    return path, result
