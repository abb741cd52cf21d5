"""Tests of training in several processes: killed launchers, missing machines, and the commands of README files."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tensorsmith.runs import free_ports

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def wait_until(condition):
    until = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def processes(folder):
    """Return the IDs of the running processes whose command contains a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(folder) in words:
            found.append(int(path.parent.name))
    return found


def test_killed_launcher_with_parameter_servers(tensorsmith, tmp_path):
    """Tests that all processes end, that a checkpoint is saved, and that the run can be resumed at once."""
    run = tmp_path / "run"
    command = ["run", "mlp/digits", "--epochs", "100000", "--out", run, "--checkpoint-every", "1000 epochs"]
    launcher = subprocess.Popen(
        [sys.executable, "-m", "tensorsmith.tools", *map(str, command), "--workers", "1", "--parameter-servers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    history = run / "history.csv"
    wait_until(lambda: history.exists() and len(history.read_text().splitlines()) > 1)
    assert len(processes(run)) == 4
    launcher.kill()
    launcher.wait()
    wait_until(lambda: not processes(run))
    assert max(path.name for path in (run / "checkpoints").glob("epoch-*")) >= "epoch-000001"
    epochs = len(history.read_text().splitlines()) + 1
    resumed = tensorsmith("run", "mlp/digits", "--out", run, "--resume", "--epochs", epochs)
    assert resumed.returncode == 0, resumed.stderr
    assert f"Resuming {run} at epoch" in resumed.stderr


def test_missing_machine(tensorsmith, tmp_path):
    """Tests the message after 5 seconds and the time limit."""
    here, there = (f"localhost:{port}" for port in free_ports(2))
    config = json.dumps({"cluster": {"worker": [here, there]}, "task": {"type": "worker", "index": 0}})
    run = tmp_path / "run"
    result = tensorsmith("run", "mlp/digits", "--out", run, "--timeout", "6", env={"TF_CONFIG": config})
    assert result.returncode == 1
    assert f"Waiting for worker 1 at {there} (Connection refused). This process gives up in " in result.stderr
    assert f"tensorsmith: Waited 6 seconds for worker 1 at {there}" in result.stderr
    assert "Traceback" not in result.stderr
    assert not run.exists()


def test_messages_of_workers(tensorsmith, tmp_path):
    """Tests that the log of a worker is empty after a normal run, and that a finished run is reported."""
    run = ["run", "mlp/digits", "--smoke", "--out", tmp_path / "run", "--workers", "2"]
    result = tensorsmith(*run)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / "worker-1.log").read_text() == ""
    assert "is already finished. To extend it" in tensorsmith(*run, "--resume").stdout


@pytest.mark.parametrize("servers", [0, 1])
def test_script_in_readme(tensorsmith, tmp_path, servers):
    readme = (ROOT / "packages/training/README.md").read_text()
    (script,) = (block for block in re.findall(r"```py\n(.*?)```", readme, re.DOTALL) if "cluster.serve()" in block)
    words = ["launch", "train.py", "--workers", "2"] + (["--parameter-servers", "1"] if servers else [])
    assert f"\ntensorsmith {' '.join(words)}\n" in readme
    (tmp_path / "train.py").write_text(script)
    result = tensorsmith(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "epoch 5/5" in result.stdout
    assert (tmp_path / "worker-1.log").exists()
