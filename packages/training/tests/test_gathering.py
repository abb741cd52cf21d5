"""Tests of loops in Python against compiled loops. tests/distribution tests them on replicas."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import NonFiniteLossError, Trainer
from tensorsmith.training.fit.chunks import run_chunks
from tensorsmith.training.loop import loops

X = np.random.default_rng(0).normal(size=(70, 2)).astype("float32")
Y = X[:, :1]


def trained(x, y, stream, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    trainer = Trainer(model, keras.optimizers.SGD(0.1), "mse", jit=False, **options)
    data = (tf.data.Dataset.from_tensor_slices((x, y)).batch(16),) if stream else (x, y)
    history = trainer.fit(*data, epochs=3, shuffle=False, verbose=False, **({} if stream else {"batch_size": 16}))
    return [*history.history["loss"], *trainer.model.get_weights()]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("steps", [None, 2])
def test_python_loop_matches_compiled_loop(stream, steps, monkeypatch):
    expected = trained(X, Y, stream, steps_per_loop=steps)
    monkeypatch.setattr(loops, "gathers_any_number", lambda step: True)
    for one, other in zip(trained(X, Y, stream, steps_per_loop=steps), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("stream", [False, True])
def test_python_loop_stops_at_non_finite_loss(stream, monkeypatch):
    broken = np.where(np.arange(70)[:, None] == 33, 1e30, Y)
    monkeypatch.setattr(loops, "gathers_any_number", lambda step: True)
    with pytest.raises(NonFiniteLossError, match="at step 3 of epoch 1"):
        trained(X, broken, stream)


MESSAGES = {
    "Graph execution error:\n\nDetected at node a/b defined at (most recent call last):\n"
    '  File "a.py", line 1, in run\n    return it\n\nReplicas have met with other shapes.\nRestart your program.\n'
    "\t [[{{node a/b}}]] [Op:__inference_loop_1]": "Replicas have met with other shapes.",
    "Graph execution error:\n\nDetected at node a/b defined at (most recent call last):\n<stack traces unavailable>\n"
    "2 root error(s) found.\n  (0) INTERNAL:  too large\n\t [[{{node a/b}}]]": "(0) INTERNAL: too large",
    "too large": "too large",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_tensorflow_error_messages(message):
    class Failing:
        steps = 1

        def run(self, start, steps):
            raise tf.errors.InvalidArgumentError(None, None, message)

    class ChunkSizer:
        chunk = 1

    expected = f"that the model accepts, got a batch that fails with: {MESSAGES[message]} (epoch 1, steps 1 to 1)"
    with pytest.raises(ValueError, match=re.escape(expected)):
        run_chunks(Failing(), ChunkSizer(), "epoch 1", limit=int, on_begin=print, on_end=print)
