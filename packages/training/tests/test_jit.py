"""Tests of the choice of XLA: the rule of `jit="auto"` and the measurement of `jit="measure"`."""

import functools
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer
from tensorsmith.training.loop import jit as jit_module


@pytest.fixture(autouse=True)
def all_runs_are_long(monkeypatch):
    monkeypatch.setattr(jit_module, "SHORT_RUN", 0)
    monkeypatch.setattr(jit_module, "PROBE_SECONDS", 0.0)


def toy(examples=128, features=5, classes=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(examples, features)).astype("float32")
    return x, x[:, :classes].argmax(axis=1)


def stateful_trainer(jit):
    """Returns a trainer whose steps change weights, momentum and a seed."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")])
    return Trainer(model, keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", jit=jit)


def shuffled(examples):
    return examples.shuffle(64, seed=1).batch(32)


def endless(examples):
    return examples.repeat().batch(32)


@pytest.mark.parametrize("jit", ["auto", "measure"])
@pytest.mark.parametrize(
    "stream", [shuffled, *(pytest.param(other, marks=pytest.mark.slow) for other in (None, endless))]
)
def test_choice_preserves_training_state(jit, stream):
    losses = {}
    for setting in (jit, True, False):
        trainer = stateful_trainer(setting)
        data = (stream(tf.data.Dataset.from_tensor_slices(toy())),) if stream else toy()
        fit = dict(epochs=2, steps_per_epoch=3 if stream is endless else None, verbose=False)
        losses[setting] = trainer.fit(*data, **fit).history["loss"]
        assert trainer.jit in (True, False)
    assert losses[jit] in (losses[True], losses[False])


def expected_faster(layers, shape, batch_size=32, unknown=False, total_steps=None):
    """Returns the choice of the rule for the training step of a model."""
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile("sgd", "mse")
    batch = [tf.TensorSpec((None if unknown else batch_size, *rest)) for rest in (shape, model.output_shape[1:])]
    step = tf.function(lambda x, y: model.train_step((x, y)), autograph=False)
    graph = step.get_concrete_function(*batch).graph.as_graph_def(add_shapes=True)
    return jit_module.jit_is_faster([graph], batch_size, total_steps)


class OwnConvolution(keras.layers.Layer):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(3, 3, 1, 2))

    def call(self, inputs):
        return keras.ops.conv(inputs, self.kernel)


@pytest.mark.parametrize("layer", [keras.layers.Conv2D(2, 3), OwnConvolution(), keras.layers.DepthwiseConv2D(3)])
def test_convolutions(layer):
    assert not expected_faster([layer, keras.layers.Flatten(), keras.layers.Dense(1)], (8, 8, 1))


def test_dense_layers():
    assert expected_faster([keras.layers.Dense(1024), keras.layers.Dense(1)], (5,), batch_size=256)


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize(
    ("units", "expected"),
    [  # measured with batches of 32 examples: speed with XLA, relative to the speed without
        (2, True),  # 1.8
        (8, False),  # 0.5
        (128, False),  # 0.08
    ],
)
def test_random_numbers(units, expected, unknown):
    layers = [keras.layers.Dense(units), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    assert expected_faster(layers, (5,), 32, unknown) is expected


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize(
    ("units", "expected"),
    [  # measured with batches of 32 examples: speed with XLA, relative to the speed without
        (64, True),  # 1.2
        (256, False),  # 0.9
    ],
)
def test_random_numbers_beside_large_products(units, expected, unknown):
    hidden = [keras.layers.Dense(1000) for _ in range(2)]
    layers = [*hidden, keras.layers.Dense(units), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    assert expected_faster(layers, (5,), 32, unknown) is expected


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize(
    ("units", "batch_size", "expected"),
    [  # measured with 50 steps: speed with XLA, relative to the speed without
        (20, 32, True),  # 2.28
        (32, 64, True),  # 1.94
        (64, 32, True),  # 1.05
        (64, 64, False),  # 0.83
        (32, 256, False),  # 0.77
    ],
)
def test_recurrent_loops(units, batch_size, expected, unknown):
    layers = [keras.layers.LSTM(units), keras.layers.Dense(1)]
    assert expected_faster(layers, (3, 1), batch_size, unknown) is expected


@pytest.mark.parametrize(("total_steps", "expected"), [(199, False), (200, True), (None, True)])
def test_short_runs(total_steps, expected, monkeypatch):
    monkeypatch.setattr(jit_module, "SHORT_RUN", 200)
    assert expected_faster([keras.layers.Dense(1)], (5,), total_steps=total_steps) is expected


def chosen(layers, kind=Trainer, **fit):
    """Returns the setting that a trainer chooses for a model with the given layers."""
    trainer = kind(keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(1)]), "sgd", "mse")
    trainer.fit(np.zeros((128, 5)), np.zeros(128), verbose=False, **fit)
    return trainer.jit


class WithoutXLA(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.supports_jit = False

    def call(self, inputs):
        return inputs


def test_unsupported_layers():
    assert chosen([keras.layers.Dense(3)]) is True
    assert chosen([WithoutXLA()]) is False


class WithPython(Trainer):
    def train_step(self, data):
        tf.py_function(lambda: None, [], [])
        return super().train_step(data)


def test_unsupported_operations():
    assert chosen([], kind=WithPython) is False


def test_length_of_the_run(monkeypatch):
    monkeypatch.setattr(jit_module, "SHORT_RUN", 200)
    assert chosen([], epochs=1) is False
    assert chosen([], epochs=50) is True


class OwnCell(keras.layers.LSTMCell):
    def __init__(self, units):
        super().__init__(units)
        self.function = tf.function(super().call, autograph=False)

    def call(self, inputs, states, training=False):
        return self.function(inputs, states)


def test_products_in_functions_called_by_loops():
    layers = [keras.layers.RNN(OwnCell(64)), keras.layers.Dense(1)]
    assert not expected_faster(layers, (3, 1), batch_size=64)


def test_varying_shapes():
    """XLA would compile the step again for each length."""
    model = keras.Sequential([keras.Input((None, 5)), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    for lengths, expected in (([3, 3], True), ([3, 4], False)):
        spec = tf.TensorSpec((None, 3 if expected else None, 5)), tf.TensorSpec((None, 1))
        batches = [(np.zeros((32, length, 5)), np.zeros((32, 1))) for length in lengths]
        trainer = Trainer(model, "sgd", "mse")
        trainer.fit(
            tf.data.Dataset.from_generator(functools.partial(iter, batches), output_signature=spec), verbose=False
        )
        assert trainer.jit is expected


@pytest.mark.slow
def test_other_loops_do_not_affect_the_choice():
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.LSTM(32), keras.layers.Dense(1)])
    trainer = Trainer(model, "sgd", "mse")
    x, y = np.zeros((512, 3, 1)), np.zeros(512)
    trainer.evaluate(x, y, batch_size=512)
    trainer.fit(x, y, batch_size=512, verbose=False)
    assert trainer.jit is False
    trainer.jit = "auto"
    trainer.fit(x, y, batch_size=32, verbose=False)
    assert trainer.jit is True


@pytest.mark.parametrize("jit", [np.True_, 1])
def test_values_equal_to_true(jit):
    assert stateful_trainer(jit).jit is True


def test_auto_does_not_measure(monkeypatch):
    """The choice must not depend on the speed of the machine, which other processes affect."""

    def forbidden():
        raise AssertionError("a clock was read")

    monkeypatch.setattr(jit_module.time, "perf_counter", forbidden)
    graph = tf.function(lambda x: x @ x).get_concrete_function(tf.ones((4, 4))).graph.as_graph_def(add_shapes=True)
    assert jit_module.jit_is_faster([graph], 32, None)


def test_measurement_is_reported(caplog):
    trainer = stateful_trainer("measure")
    with caplog.at_level(logging.WARNING, logger="tensorsmith.training"):
        trainer.fit(*toy(), verbose=False)
    (record,) = (record for record in caplog.records if record.name == "tensorsmith.training")
    assert "steps/s without XLA" in record.getMessage()
    assert f"Set jit={trainer.jit}." in record.getMessage()


def test_measurement_of_unsupported_operations(caplog):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "softmax")])
    trainer = WithPython(model, "sgd", "sparse_categorical_crossentropy", jit="measure")
    trainer.fit(*toy(), verbose=False)
    assert trainer.jit is False
    assert "Set jit=False" in caplog.text


def test_unknown_setting():
    with raises_argument_error("jit", received="'fast'", expected='"auto" or "measure"'):
        stateful_trainer("fast")
