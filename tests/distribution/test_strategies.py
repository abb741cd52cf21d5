"""The same training on one device, on two replicas of a process, and on two processes that really start."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tensorsmith.recipes.workers import run_workers

pytestmark = pytest.mark.slow

JOB = Path(__file__).parent / "job.py"
CASES = {
    "rest that replicas cannot share": {"size": 129},
    "stream with a rest": {"size": 129, "stream": True},
    "synchronized batch normalization": {"model": "batch_norm"},
    "norm of the whole gradient": {"optimizer": {"global_clipnorm": 0.1, "momentum": 0.9}},
    "averaged weights and clipped values": {"optimizer": {"clipvalue": 0.01, "use_ema": True}},
    "sparse gradients": {"model": "embedding", "optimizer": {"global_clipnorm": 0.1}},
    "sparse gradients in a stream with a rest": {"model": "embedding", "size": 130, "stream": True},
    "sparse gradients of sequences of several lengths": {"model": "bag", "size": 129, "stream": True},
    "sparse gradients of which Adam takes squares": {
        "model": "embedding",
        "kind": "AdamW",
        "optimizer": {"learning_rate": 0.01, "epsilon": 1e-3, "clipnorm": 0.01},
    },
    "sparse gradients whose rows are summed before replicas meet": {
        "model": "embedding",
        "kind": "LazyAdam",
        "optimizer": {"learning_rate": 0.01, "epsilon": 1e-3, "global_clipnorm": 0.1},
    },
    "accumulated gradients": {"size": 129, "optimizer": {"gradient_accumulation_steps": 4, "momentum": 0.9}},
    "accumulated gradients, clipped and not heard": {
        "optimizer": {"gradient_accumulation_steps": 3, "clipnorm": 0.01},
        "trainer_options": {"gradient_norm": False},
    },
    "accumulated sparse gradients": {
        "model": "embedding",
        "optimizer": {"gradient_accumulation_steps": 2},
        "trainer_options": {"gradient_norm": False},
    },
    "compiled by XLA": {"size": 129, "trainer_options": {"jit": True}},
    "sharpness-aware": {"size": 129, "sharpness_aware": True},
    "sharpness-aware, accumulated and compiled": {
        "sharpness_aware": True,
        "optimizer": {"gradient_accumulation_steps": 2},
        "trainer_options": {"jit": True},
    },
    "step of one's own": {"size": 128, "model": "with_metric", "own_step": True},
    "counted": {"size": 129, "count": True},
    "counted stream": {"size": 129, "count": True, "stream": True},
}


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("one"), "one", CASES)


@pytest.fixture(scope="session")
def mirrored(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("mirrored"), "mirrored", CASES)


@pytest.fixture(scope="session")
def workers(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("workers"), "workers", CASES)


def ran(folder, strategy, cases):
    """A folder with what came of some cases under a strategy."""
    command = [sys.executable, str(JOB), str(folder), strategy, json.dumps(cases)]
    if strategy in ("workers", "servers"):
        assert run_workers(command, folder, workers=2, servers=int(strategy == "servers")) == 0
    else:
        subprocess.run(command, check=True, timeout=300)
    return folder


def result(folder, case, worker=0):
    with np.load(folder / f"{case}.{worker}.npz") as file:
        return dict(file)


def expect_close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_two_replicas_do_what_one_device_does(case, alone, mirrored):
    """Loss, metrics, norm of the gradient and weights, epoch by epoch, at the same batch size."""
    expect_close(result(mirrored, case), result(alone, case))


@pytest.mark.parametrize("case", CASES)
def test_two_workers_do_what_one_device_does(case, alone, workers):
    for worker in range(2):
        expect_close(result(workers, case, worker), result(alone, case))


@pytest.mark.parametrize("case", ["counted", "counted stream"])
def test_no_example_is_lost_or_comes_twice(case, mirrored):
    found = result(mirrored, case)
    for name in ("seen", "val_seen"):
        np.testing.assert_array_equal(found[name], np.ones((3, 129)))


def test_no_example_is_lost_or_comes_twice_on_workers(workers):
    test_no_example_is_lost_or_comes_twice("counted", workers)
    test_no_example_is_lost_or_comes_twice("counted stream", workers)


@pytest.mark.parametrize("stream", [False, True])
def test_a_worker_that_dies_is_no_loss(stream, tmp_path):
    """All start again from the last checkpoint, and the weights are those of workers of which none died."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder, kills in ((whole, None), (broken, 1)):
        folder.mkdir()
        case = {"model": "dropout", "stream": stream, "checkpoints": "checkpoints", "resume": True, "kills": kills}
        ran(folder, "workers", {"run": case})
    assert (broken / "killed").exists()
    found, expected = result(broken, "run"), result(whole, "run")
    for name, value in expected.items():
        if name.startswith("weight"):
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    expect_close(found, expected)  # sums of metrics over replicas are put back as one, which rounds otherwise


def test_a_run_goes_on_with_another_number_of_replicas(tmp_path, alone):
    """One begun on two replicas ends on one device, as if it had been there all the time."""
    case = {"size": 129, "checkpoints": "checkpoints"}
    ran(tmp_path, "mirrored", {"run": {**case, "epochs": 2}})
    ran(tmp_path, "one", {"run": {**case, "resume": True}})
    expect_close(result(tmp_path, "run"), result(alone, "rest that replicas cannot share"))


def test_parameter_servers(tmp_path, alone):
    """What workers add up apart is not the same sum each time; that every example came once is."""
    cases = {case: CASES[case] for case in ("counted", "counted stream", "synchronized batch normalization")}
    saved = {"checkpoints": "checkpoints", "stream": True}
    resumed = {"begun": {**saved, "epochs": 1}, "ended": {**saved, "resume": True}}
    ran(tmp_path, "servers", {**cases, **resumed, "long": {"epochs": 10}})
    begun, ended = (result(tmp_path, name)["loss"] for name in ("begun", "ended"))
    assert len(ended) == 3
    assert begun[0] == ended[0] > ended[2]
    test_no_example_is_lost_or_comes_twice("counted", tmp_path)
    test_no_example_is_lost_or_comes_twice("counted stream", tmp_path)
    assert result(tmp_path, "long")["val_accuracy"][-1] > 0.85
    for name, value in result(alone, "synchronized batch normalization").items():
        assert result(tmp_path, "synchronized batch normalization")[name].shape == value.shape


def test_workers_of_parameter_servers_come_and_go(tmp_path, capfd):
    """One is killed in the middle of an epoch; training goes on, and takes it up again once it is back."""
    ran(tmp_path, "servers", {"run": {"size": 129, "count": True, "epochs": 30, "kills": 0}})
    assert (tmp_path / "killed").exists()
    assert "worker 0 was ended; another takes its place" in capfd.readouterr().err
    np.testing.assert_array_equal(result(tmp_path, "run")["seen"], np.ones((30, 129)))
