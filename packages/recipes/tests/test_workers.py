"""Tests of the launcher, with small programs as workers."""

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tensorsmith.recipes.workers import run_workers
from tensorsmith.runs import free_ports
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
    arguments = [sys.executable, "-c", LAUNCH, BEGIN + textwrap.dedent(worker), str(tmp_path), "0"]
    launcher = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    wait_until(lambda: len(list(tmp_path.glob("ready-*"))) == 2)
    os.kill(launcher.pid, number)
    _, said = launcher.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said
    assert len(list(tmp_path.glob("saved-*"))) == 2


LAUNCH = (
    "import pathlib, sys; from tensorsmith.recipes.workers import run_workers\n"
    "command, folder = [sys.executable, '-c', sys.argv[1], sys.argv[2]], pathlib.Path(sys.argv[2])\n"
    "run_workers(command, folder, workers=2, servers=int(sys.argv[3]))"
)


def wait_until(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def ended(pid):
    """Return `True` if a process has ended, also if nobody has read its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("servers", [0, 1])
def test_killed_launcher_leaves_no_processes(tmp_path, servers):
    """Tests that workers save and end, and that the processes which serve the chief end after it."""
    program = """
        from tensorsmith.runs import Cluster, cluster_from_environment, end_with_launcher
        end_with_launcher()
        cluster = cluster_from_environment()
        name = "{}-{}".format(*cluster.task)
        def is_alive(pid):
            try:
                return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
            except FileNotFoundError:
                return False
        def save(number, frame):
            time.sleep(0.5)
            if cluster.chief:
                alive = [is_alive(path.read_text()) for path in folder.glob("pid-*")]
                (folder / "alive").write_text(str(alive.count(True)))
            (folder / f"saved-{name}").touch()
            sys.exit(143)
        if not cluster.serves:
            signal.signal(signal.SIGTERM, save)
        (folder / "draft").with_suffix("." + name).write_text(str(os.getpid()))
        (folder / "draft").with_suffix("." + name).rename(folder / f"pid-{name}")
        time.sleep(600)
    """
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, BEGIN + textwrap.dedent(program), str(tmp_path), str(servers)]
    )
    count = 4 if servers else 2
    wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == count)
    launcher.kill()
    launcher.wait()
    wait_until(lambda: all(ended(path.read_text()) for path in tmp_path.glob("pid-*")))
    saved = {path.name for path in tmp_path.glob("saved-*")}
    assert saved == ({"saved-chief-0"} if servers else {"saved-worker-0", "saved-worker-1"})
    if servers:
        assert (tmp_path / "alive").read_text() == "4"


@pytest.mark.slow  # imports TensorFlow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_run_of_a_pool_ends_with_launcher(tmp_path, number):
    """Tests that a run receives one SIGTERM when the pool is interrupted or killed, and that its server ends."""
    run = """
        import os, signal, sys, time
        from pathlib import Path
        folder, heard = Path(sys.argv[1]), []
        signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
        (folder / "draft").write_text(f"{os.getpid()} {os.getppid()}")
        (folder / "draft").rename(folder / "pids")
        while not heard:
            time.sleep(0.05)
        time.sleep(0.5)
        (folder / "saved").write_text(str(len(heard)))
    """
    (tmp_path / "long_run.py").write_text(textwrap.dedent(run))
    program = (
        "import pathlib, sys; from tensorsmith.recipes.run_pool import run_in_pool\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "list(run_in_pool({folder / 'log': ['long_run', sys.argv[1]]}, 1))"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    launcher = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=environment, stderr=subprocess.PIPE)
    wait_until((tmp_path / "pids").exists)
    launcher.send_signal(number)
    launcher.communicate(timeout=60)
    wait_until(lambda: all(map(ended, (tmp_path / "pids").read_text().split())))
    assert (tmp_path / "saved").read_text() == "1"


CHILDREN = """
    import subprocess
    child = subprocess.Popen(["sleep", "600"])
    (folder / f"child-{index}-{child.pid}").touch()
"""


def children_have_ended(folder):
    return all(ended(path.name.rpartition("-")[2]) for path in folder.glob("child-*"))


@pytest.mark.parametrize("end", ["sys.exit()", pytest.param("attempt or die()", marks=pytest.mark.slow)])
def test_children_of_workers_end(tmp_path, end):
    launch(tmp_path, CHILDREN + f"\n    {end}\n")
    assert len(list(tmp_path.glob("child-*"))) >= 2
    wait_until(lambda: children_have_ended(tmp_path))


def test_children_and_stopped_workers_end_with_launcher(tmp_path):
    """A stopped process (Ctrl-Z, a debugger) once delayed the end by a minute, and children survived."""
    worker = (
        CHILDREN
        + """
        signal.signal(signal.SIGTERM, lambda *_: ((folder / f"saved-{index}").touch(), sys.exit(143)))
        (folder / f"pid-{index}-{os.getpid()}").touch()
        time.sleep(600)
    """.replace("\n    ", "\n")
    )
    arguments = [sys.executable, "-c", LAUNCH, BEGIN + textwrap.dedent(worker), str(tmp_path), "0"]
    launcher = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2)
    (path,) = tmp_path.glob("pid-1-*")
    os.kill(int(path.name.rpartition("-")[2]), signal.SIGSTOP)
    launcher.terminate()
    launcher.wait(timeout=60)
    assert len(list(tmp_path.glob("saved-*"))) == 2
    wait_until(lambda: children_have_ended(tmp_path))


def test_worker_logs_do_not_change_hard_links(tmp_path):
    (tmp_path / "own.py").write_text("mine")
    os.link(tmp_path / "own.py", tmp_path / "worker-1.log")
    assert launch(tmp_path, "print('said', file=sys.stderr)") == 0
    assert (tmp_path / "own.py").read_text() == "mine"
    assert (tmp_path / "worker-1.log").read_text() == "said\n"


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


@pytest.mark.parametrize("words", [["script.py", "--workers", "2", "--"], ["--workers", "2", "script.py", "--"]])
def test_launched_script(tmp_path, monkeypatch, words):
    """Tests that a script runs as `python script.py`, in two processes with TF_CONFIG, and receives its arguments."""
    monkeypatch.chdir(tmp_path)
    script = """
        import json, os, sys
        from helper import write
        write(json.loads(os.environ["TF_CONFIG"])["task"]["index"], [__name__, *sys.argv])
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    (tmp_path / "helper.py").write_text("def write(index, words): open(f'{index}.txt', 'w').write(' '.join(words))")
    assert main(["launch", *words, "--workers", "3", "--epochs=2"]) == 0
    for index in range(2):
        assert (tmp_path / f"{index}.txt").read_text() == "__main__ script.py --workers 3 --epochs=2"
    assert (tmp_path / "worker-1.log").read_text() == ""


def test_modules_beside_launched_script(tmp_path, monkeypatch):
    """Modules in the current folder are imported only if the script is there."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/script.py").write_text("import helper, sys; open(sys.argv[1], 'a').write(helper.__file__)")
    (tmp_path / "scripts/helper.py").touch()
    for name in ("helper", "runpy", "numpy", "tensorsmith", "yaml"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    assert main(["launch", "scripts/script.py", "--workers", "1", "log.txt"]) == 0
    assert (tmp_path / "log.txt").read_text() == str(tmp_path / "scripts/helper.py")


def test_launched_script_ends_with_killed_launcher(tmp_path):
    script = "import os, pathlib, time; pathlib.Path(f'pid-{os.getpid()}').touch(); time.sleep(600)"
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "-m", "tensorsmith.tools", "launch", "script.py", "--workers", "2"]
    launcher = subprocess.Popen(command, cwd=tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2)
    launcher.kill()
    launcher.wait()
    wait_until(lambda: all(ended(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")))


def test_error_in_launched_script(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text("import os, time\n'1}}' in os.environ['TF_CONFIG'] or time.sleep(600)\n1 / 0")
    assert main(["launch", "script.py", "--workers", "2", "--out", "logs"]) == 1
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert "ZeroDivisionError" in (tmp_path / "logs" / "worker-1.log").read_text()


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
        (["run", "mlp/digits", "--timeout", "0"], "--timeout must be a positive number of seconds, got 0.0"),
        (["tune", "mlp/california", "--timeout", "nan"], "--timeout must be a positive number of seconds, got nan"),
        (["launch", "train.py", "--workers", "2"], "SCRIPT must be an existing Python file, got 'train.py'"),
        (["launch", __file__, "--workers", "0"], "--workers must be >= 1, got 0"),
        (["launch", __file__, "--workers", "1", "--parameter-servers", "-1"], "--parameter-servers must be >= 0"),
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
