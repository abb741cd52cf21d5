"""Fixtures: the command in this or in a new process, and a finished run of the smallest recipe."""

import contextlib
import io
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tensorsmith.tools.main import main


@pytest.fixture(scope="session")
def tensorsmith():
    """Function that runs the command in a new process, which takes seconds to import TensorFlow."""

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
def command():
    """Function that runs the command in this process and returns the attributes of `subprocess.CompletedProcess`."""

    def call(*arguments, cwd="."):
        stdout = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)  # has a buffer for bytes
        with (
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(io.StringIO()) as stderr,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("COLUMNS", "200")
            try:
                code = main([*map(str, arguments)])
            except SystemExit as stopped:
                code = stopped.code
        output = stdout.buffer.getvalue().decode()
        return SimpleNamespace(returncode=code, stdout=output, stderr=stderr.getvalue())

    return call


@pytest.fixture(scope="session")
def finished_run(command, tmp_path_factory):
    """Folder of a finished smoke run in the default location, and the result of the command."""
    folder = tmp_path_factory.mktemp("finished")
    result = command("run", "mlp/digits", "--smoke", "--seed", "3", cwd=folder)
    assert result.returncode == 0, result.stderr
    (path,) = (folder / "runs" / "mlp-digits").iterdir()
    return path, result
