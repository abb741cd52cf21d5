"""A run that is killed twenty times, at any moment, ends as the one that never was."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

JOB = Path(__file__).with_name("killed.py")
KILLS = 20


def start(kind, folder):
    command = [sys.executable, str(JOB), kind, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_to_end(kind, folder):
    process = start(kind, folder)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    with np.load(folder / "end.npz") as file:
        return dict(file), said


@pytest.mark.slow  # twenty processes each
@pytest.mark.parametrize("kind", ["mlp", "lstm", "attention", "convnet"])
def test_twenty_kills_change_nothing(kind, tmp_path):
    never, often = tmp_path / "never", tmp_path / "often"
    never.mkdir(), often.mkdir()
    expected, _ = run_to_end(kind, never)
    rng = np.random.default_rng(0)
    for _ in range(KILLS):
        process = start(kind, often)
        assert process.stdout.readline() == "begun\n", process.stderr.read()
        time.sleep(rng.uniform(0, 0.7))
        assert process.poll() is None, "ended before the last kill"
        process.kill()
        process.communicate()
    found, said = run_to_end(kind, often)
    assert "damaged" not in said
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
