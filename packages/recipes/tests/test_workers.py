"""Tests of the launcher, with small programs as workers."""

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tensorsmith.core import free_ports
from tensorsmith.recipes.workers import run_workers
from tensorsmith.tools.main import main

BEGIN = """
import json, os, pathlib, signal, sys, time
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
folder = pathlib.Path(sys.argv[1])
attempt = len(list(folder.glob(f"began-{index}-*")))
(folder / f"began-{index}-{attempt}").touch()
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def launch(folder, program):
    return run_workers([sys.executable, "-c", BEGIN + textwrap.dedent(program), str(folder)], folder, workers=2)


def attempts(folder):
    return [len(list(folder.glob(f"began-{index}-*"))) for index in range(2)]


def test_successful_workers(tmp_path):
    assert launch(tmp_path, "print('said', file=sys.stderr)") == 0
    assert attempts(tmp_path) == [1, 1]
    assert (tmp_path / "worker-1.log").read_text() == "said\n"


def test_tf_config_of_workers(tmp_path):
    program = "(folder / f'{index}.json').write_text(os.environ['TF_CONFIG'])"
    assert launch(tmp_path, program) == 0
    first, second = ((tmp_path / f"{index}.json").read_text() for index in range(2))
    assert first.replace('"index": 0', '"index": 1') == second
    assert first.count("localhost:") == 2


def test_killed_worker_restarts_all(tmp_path, capfd):
    """Tests the restart of a worker that would otherwise wait forever."""
    assert launch(tmp_path, "attempt or (die() if index else time.sleep(600))") == 0
    assert attempts(tmp_path) == [2, 2]
    assert "worker 1 was killed by SIGKILL; restarting all processes from the last checkpoint" in capfd.readouterr().err


def test_restart_limit(tmp_path, capfd):
    assert launch(tmp_path, "die() if index else time.sleep(600)") == 1
    assert attempts(tmp_path)[1] == 4
    assert "3 restarts without a new checkpoint" in capfd.readouterr().err


def test_new_checkpoint_resets_restart_limit(tmp_path):
    program = """
        (folder / "checkpoints" / f"epoch-{attempt:06d}-step-0").mkdir(parents=True, exist_ok=True)
        if attempt < 6:
            die() if index else time.sleep(600)
    """
    assert launch(tmp_path, program) == 0
    assert attempts(tmp_path)[1] == 7


def test_failed_worker_is_not_restarted(tmp_path, capfd):
    assert launch(tmp_path, "sys.exit('no such field') if index else time.sleep(600)") == 1
    assert attempts(tmp_path) == [1, 1]
    assert "no such field" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_lets_workers_save(tmp_path, number):
    """Tests that each worker receives one signal to save a checkpoint, and that the launcher waits for them."""
    worker = """
        def save(number, frame):
            time.sleep(0.5)
            (folder / f"saved-{index}").touch()
            sys.exit(143)
        signal.signal(signal.SIGTERM, save)
        (folder / f"ready-{index}").touch()
        time.sleep(600)
    """
    program = (
        "import pathlib, sys; from tensorsmith.recipes.workers import run_workers\n"
        "command, folder = [sys.executable, '-c', sys.argv[1], sys.argv[2]], pathlib.Path(sys.argv[2])\n"
        "run_workers(command, folder, workers=2)"
    )
    arguments = [sys.executable, "-c", program, BEGIN + textwrap.dedent(worker), str(tmp_path)]
    launcher = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("ready-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(launcher.pid, number)
    _, said = launcher.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said
    assert len(list(tmp_path.glob("saved-*"))) == 2


def test_terminated_worker_does_not_stop_others(tmp_path):
    program = """
        if index == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(1)
            (folder / "saved").touch()
        sys.exit(143)
    """
    with pytest.raises(KeyboardInterrupt):
        launch(tmp_path, program)
    assert (tmp_path / "saved").exists()


def test_worker_restart_with_parameter_servers(tmp_path):
    """Tests that the run ends with the chief, and that the parameter servers are stopped."""
    program = """
        job, index = json.loads(os.environ["TF_CONFIG"])["task"].values()
        (folder / f"{job}-{index}-{os.getpid()}").touch()
        if job == "worker" and not (folder / "killed").exists():
            (folder / "killed").touch()
            die()
        while job != "chief" or len(list(folder.glob("worker-*-*"))) < 3:
            time.sleep(0.05)
    """
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(program), str(tmp_path)]
    assert run_workers(command, tmp_path, workers=2, servers=1) == 0
    assert [len(list(tmp_path.glob(f"{job}-0-*"))) for job in ("chief", "ps")] == [1, 1]


def test_killed_parameter_server_restarts_all(tmp_path):
    program = """
        job = json.loads(os.environ["TF_CONFIG"])["task"]["type"]
        killed = (folder / "killed").exists()
        if job == "ps" and not killed:
            (folder / "killed").touch()
            die()
        time.sleep(0 if job == "chief" and killed else 600)
    """
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(program), str(tmp_path)]
    assert run_workers(command, tmp_path, workers=1, servers=1) == 0
    assert (tmp_path / "killed").exists()


def test_ports_differ():
    assert len(set(free_ports(5))) == 5


def test_cluster_spec(capsys):
    assert main(["cluster-spec", "a:1", "b:2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [shlex.split(line)[0].removeprefix("TF_CONFIG=") for line in lines[1::2]]
    assert [json.loads(each)["task"]["index"] for each in said] == [0, 1]
    assert [json.loads(each)["cluster"] for each in said] == [{"worker": ["a:1", "b:2"]}] * 2


def test_cluster_spec_with_parameter_servers(capsys):
    assert main(["cluster-spec", "a:1", "--chief", "b:2", "--parameter-servers", "c:3", "d:4"]) == 0
    said = [shlex.split(line)[0].removeprefix("TF_CONFIG=") for line in capsys.readouterr().out.splitlines()[1::2]]
    tasks = [tuple(json.loads(each)["task"].values()) for each in said]
    assert tasks == [("chief", 0), ("worker", 0), ("ps", 0), ("ps", 1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["cluster-spec", "a:1", "--parameter-servers", "b:1"],
            "chief must be set when there are parameter servers, got None",
        ),
        (
            ["cluster-spec", "a:1", "b"],
            "worker must contain only addresses of the form HOST:PORT with a port from 1 to 65535, got 'b'",
        ),
        (["run", "mlp/digits", "--workers", "0"], "--workers must be >= 1, got 0"),
        (["run", "mlp/digits", "--workers", "3"], "batch_size must be a multiple of the number of workers (3), got 32"),
        (
            ["run", "mlp/digits", "--parameter-servers", "1"],
            "--parameter-servers must be >= 0, and 0 unless --workers is set, got 1",
        ),
        (
            ["run", "mlp/digits", "--workers", "2", "--find-lr"],
            "--workers must be omitted if --find-lr or TF_CONFIG is set, got 2",
        ),
    ],
)
def test_invalid_arguments(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/*/*"))
