"""Tests that a run that is killed three times equals an uninterrupted one."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

JOB = Path(__file__).with_name("killed.py")
KILLS = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Returns a function that trains in a subprocess and returns its exit code."""
    log = tmp_path_factory.mktemp("killed") / "log"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a process with several threads must not be forked
    with log.open("w") as errors:
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        process = subprocess.Popen([sys.executable, str(JOB)], env=environment, **pipes)

    def run(kind, folder, steps=math.inf, seconds=0.0):
        print(kind, steps, seconds, folder, file=process.stdin, flush=True)
        code = process.stdout.readline()
        assert code, log.read_text()
        return int(code)

    yield run
    process.stdin.close()
    process.wait()
    process.stdout.close()
    assert "damaged" not in log.read_text()


def result(folder):
    with np.load(folder / "end.npz") as file:
        return dict(file)


@pytest.mark.slow  # five runs per kind
@pytest.mark.parametrize("kind", ["mlp", "lstm", "attention", "convnet"])
def test_killed_run_matches_uninterrupted_run(kind, run, tmp_path):
    never, often = tmp_path / "never", tmp_path / "often"
    never.mkdir(), often.mkdir()
    assert run(kind, never) == 0
    rng = np.random.default_rng(0)
    for _ in range(KILLS):
        assert run(kind, often, rng.integers(100), rng.uniform(0, 0.03)) == -signal.SIGKILL
    assert run(kind, often) == 0
    found, expected = result(often), result(never)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
