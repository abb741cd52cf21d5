"""Tests that training gives equal results on one device, two replicas in a process, and two processes."""

import contextlib
import io
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
    "rest that replicas cannot share": {"size": 129, "validate": True, "predict": True},
    "stream with a rest": {"size": 129, "stream": True, "validate": True},
    "synchronized batch normalization": {"model": "batch_norm", "validate": True},
    "norm of the whole gradient, and a rest that replicas share": {
        "size": 150,
        "optimizer": {"global_clipnorm": 0.1, "momentum": 0.9},
    },
    "averaged weights and clipped values": {"validate": True, "optimizer": {"clipvalue": 0.01, "use_ema": True}},
    "sparse gradients": {"model": "embedding", "optimizer": {"global_clipnorm": 0.1}, "predict": True},
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
    "sparse gradients that Keras clips and squares": {
        "model": "embedding",
        "kind": "Adam of Keras",
        "optimizer": {"learning_rate": 0.01, "epsilon": 1e-3, "clipnorm": 0.01},
    },
    "noise in sparse gradients": {
        "model": "embedding",
        "kind": "noisy",
        "trainer_options": {"gradient_norm": False},
    },
    "noise in gradients that are clipped": {"kind": "noisy", "optimizer": {"clipnorm": 0.1}},
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
    "step of one's own": {"size": 128, "model": "with_metric", "own_step": True, "validate": True},
    "counted": {"size": 129, "count": True, "validate": True},
    "counted stream": {"size": 129, "count": True, "stream": True, "validate": True},
}
# Cases whose gradients differ from those of another case before the replicas exchange them. Processes exchange them in
# the same way, so that these are tested with two replicas only.
WITHIN_A_PROCESS = {
    "averaged weights and clipped values",
    "sparse gradients in a stream with a rest",
    "sparse gradients of which Adam takes squares",
    "sparse gradients that Keras clips and squares",
    "noise in gradients that are clipped",
    "accumulated gradients, clipped and not heard",
    "accumulated sparse gradients",
    "sharpness-aware, accumulated and compiled",
}
BETWEEN_PROCESSES = {case: arguments for case, arguments in CASES.items() if case not in WITHIN_A_PROCESS}

DYING = {
    "arrays": {"model": "dropout", "checkpoints": "checkpoints", "resume": True, "validate": True},
    "stream": {"model": "dropout", "checkpoints": "checkpoints of the stream", "resume": True, "stream": True},
}


@pytest.fixture(scope="session")
def mirrored(tmp_path_factory):
    begun = {"size": 129, "validate": True, "checkpoints": "checkpoints", "epochs": 2}
    return ran(tmp_path_factory.mktemp("mirrored"), "mirrored", {**CASES, "begun": begun})


@pytest.fixture(scope="session")
def alone(tmp_path_factory, mirrored):
    ended = {"size": 129, "validate": True, "checkpoints": str(mirrored / "checkpoints"), "resume": True}
    return ran(tmp_path_factory.mktemp("one"), "one", {**CASES, "ended": ended})


@pytest.fixture(scope="session")
def workers(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("workers"), "workers", {**BETWEEN_PROCESSES, **DYING})


def ran(folder, strategy, cases):
    """Run cases under a strategy and return the folder of the results."""
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
def test_two_replicas_match_one_device(case, alone, mirrored):
    """Loss, metrics, gradient norm and weights agree after each epoch for equal batch sizes."""
    expect_close(result(mirrored, case), result(alone, case))


@pytest.mark.parametrize("case", BETWEEN_PROCESSES)
def test_two_workers_match_one_device(case, alone, workers):
    for worker in range(2):
        expect_close(result(workers, case, worker), result(alone, case))


@pytest.mark.parametrize("case", ["counted", "counted stream"])
def test_replicas_see_each_example_once(case, mirrored):
    found = result(mirrored, case)
    for name in ("seen", "val_seen"):
        np.testing.assert_array_equal(found[name], np.ones((3, 129)))


def test_workers_see_each_example_once(workers):
    test_replicas_see_each_example_once("counted", workers)
    test_replicas_see_each_example_once("counted stream", workers)


def test_recovery_from_killed_worker(workers, tmp_path):
    """All workers restart from the last checkpoint and reach the weights of an undisturbed run."""
    ran(tmp_path, "workers", {case: {**arguments, "kills": 1} for case, arguments in DYING.items()})
    for case in DYING:
        assert (tmp_path / f"{case} killed").exists()
        found, expected = result(tmp_path, case), result(workers, case)
        for name, value in expected.items():
            if name.startswith("weight"):
                np.testing.assert_array_equal(found[name], value, err_msg=name)
        expect_close(found, expected)  # a checkpoint stores metrics summed over replicas, which rounds differently


def test_resume_with_another_number_of_replicas(alone):
    """A run started on two replicas and resumed on one device gives the results of one device."""
    expect_close(result(alone, "ended"), result(alone, "rest that replicas cannot share"))


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Folder of runs with parameter servers, and the messages on standard error."""
    cases = {case: CASES[case] for case in ("counted", "counted stream", "synchronized batch normalization")}
    saved = {"checkpoints": "checkpoints", "stream": True}
    resumed = {"begun": {**saved, "epochs": 1, "predict": True}, "ended": {**saved, "resume": True}}
    killed = {"killed": {"size": 129, "count": True, "epochs": 30, "kills": 0}}
    folder = tmp_path_factory.mktemp("servers")
    with contextlib.redirect_stderr(io.StringIO()) as messages:
        ran(folder, "servers", {**cases, **resumed, "long": {"epochs": 10, "validate": True}, **killed})
    return folder, messages.getvalue()


def test_parameter_servers(servers, alone):
    """Each example is used once per epoch. Losses are compared roughly, because updates are asynchronous."""
    folder, _ = servers
    begun, ended = (result(folder, name)["loss"] for name in ("begun", "ended"))
    assert len(ended) == 3
    assert begun[0] == ended[0] > ended[2]
    test_replicas_see_each_example_once("counted", folder)
    test_replicas_see_each_example_once("counted stream", folder)
    assert result(folder, "long")["val_accuracy"][-1] > 0.85
    for name, value in result(alone, "synchronized batch normalization").items():
        assert result(folder, "synchronized batch normalization")[name].shape == value.shape


def test_parameter_servers_with_killed_worker(servers):
    """A worker is killed in the middle of an epoch; training continues and uses the worker after its restart."""
    folder, messages = servers
    assert (folder / "killed killed").exists()
    assert "worker 0 was killed; restarting it" in messages
    np.testing.assert_array_equal(result(folder, "killed")["seen"], np.ones((30, 129)))
