"""Tests that the state of all kinds of tracked objects is restored exactly."""

import json

import numpy as np
import pytest

from tensorsmith.core import UnreadableFileError, load_tensorflow
from tensorsmith.recipes import ProcedureRun, RunFolder, find_recipe
from tensorsmith.testing import raises_argument_error

load_tensorflow()
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402


class Buffer:
    """Replay buffer that grows, with its own random numbers."""

    def __init__(self):
        self.rewards = np.zeros(0)
        self.generator = np.random.default_rng(5)

    def add(self, reward):
        self.rewards = np.append(self.rewards, reward)

    def sample(self):
        return self.generator.choice(self.rewards, 4)

    def get_state(self):
        state = json.dumps(self.generator.bit_generator.state)
        return {"rewards": self.rewards, "generator": state, "count": len(self.rewards)}

    def set_state(self, state):
        assert state["count"] == len(state["rewards"])
        self.rewards = state["rewards"]
        self.generator.bit_generator.state = json.loads(state["generator"])


class Agent:
    """Objects of a procedure, and one epoch that changes all of them."""

    def __init__(self):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.build(model.trainable_variables)
        self.objects = {
            "model": model,
            "optimizer": optimizer,
            "step": tf.Variable(0, dtype="int64"),
            "rate": keras.Variable(1.0),
            "weights": np.zeros(3),
            "buffer": Buffer(),
        }

    def epoch(self):
        objects = self.objects
        model = objects["model"]
        objects["buffer"].add(float(objects["step"]))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(np.ones((2, 3)), training=True) ** 2) + objects["buffer"].sample().mean()
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        objects["optimizer"].apply(gradients, model.trainable_variables)
        objects["step"].assign_add(1)
        objects["rate"].assign(objects["rate"] * 0.5)
        objects["weights"] += objects["rate"].numpy()
        return float(loss)


def run_in(folder, resume=False):
    config = find_recipe("perceptron/iris").declaration.config_class()
    return ProcedureRun(config, RunFolder(folder), lambda *_: None, resume)


def train(folder, epochs, resume=False):
    """Return the history of a run and its weights."""
    folder.mkdir(exist_ok=True)
    run, agent = run_in(folder, resume), Agent()
    run.track(**agent.objects)
    while run.epoch < epochs:
        run.end_epoch({"loss": agent.epoch()})
    return run.history, agent.objects["weights"].tolist(), [w.tolist() for w in agent.objects["model"].get_weights()]


@pytest.mark.parametrize("stop", [1, 3])
def test_resumed_procedure_is_exact(stop, tmp_path):
    whole = train(tmp_path / "whole", 5)
    train(tmp_path / "run", stop)
    assert train(tmp_path / "run", 5, resume=True) == whole
    assert len(set(whole[0]["loss"])) == 5


@pytest.mark.parametrize(
    ("tracked", "expected"),
    [
        ([1.0], "a Keras layer or model, an optimizer, a variable, a NumPy array"),
        (np.random.default_rng(0), "a Keras layer or model, an optimizer, a variable, a NumPy array"),
        (lambda: keras.optimizers.Adam(), "built"),
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "built"),
        (np.array([{}], object), "state is arrays"),
    ],
    ids=["list", "generator", "optimizer", "model", "objects"],
)
def test_objects_that_cannot_be_tracked(tracked, expected, tmp_path):
    made = tracked() if callable(tracked) else tracked
    with raises_argument_error("mine", expected=expected):
        run_in(tmp_path).track(mine=made)


def test_objects_of_another_recipe(tmp_path):
    train(tmp_path, 1)
    for objects in ({"weights": np.zeros(4)}, {"other": np.zeros(3)}, {"weights": np.zeros(3, "int64")}):
        with pytest.raises(UnreadableFileError, match=r"a checkpoint of this run.*has dtype and shape"):
            run_in(tmp_path, resume=True).track(**objects)
        if isinstance(next(iter(objects.values())), np.ndarray):
            assert not next(iter(objects.values())).any()


def test_track_is_called_once(tmp_path):
    run = run_in(tmp_path)
    run.track(weights=np.zeros(3))
    with raises_argument_error("track", expected="called once"):
        run.track(bias=np.zeros(1))
