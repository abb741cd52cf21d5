"""The command, in this process or in one of its own, and a run of the smallest recipe."""

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
    """Call the command as a user would, in a process of its own, which takes seconds to import TensorFlow."""

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
    """Call the command in this process; the result has the attributes of `subprocess.CompletedProcess`."""

    def call(*arguments, cwd="."):
        stdout = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)  # with a buffer for bytes
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
    """The folder of a finished smoke run, made with the default place, and what was printed."""
    folder = tmp_path_factory.mktemp("finished")
    result = command("run", "mlp/digits", "--smoke", "--seed", "3", cwd=folder)
    assert result.returncode == 0, result.stderr
    (path,) = (folder / "runs" / "mlp-digits").iterdir()
    return path, result
