"""Tests of layers that are unfrozen during training, with the `Trainer` and Keras `fit`, against a manual loop."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from resumable import Reused

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer, Unfreeze

EPOCHS, BATCH = 4, 16


def data():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    return x, x[:, :1] * x[:, 1:2]


def network():
    keras.utils.set_random_seed(2)
    norm = keras.layers.BatchNormalization(momentum=0.5)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(5, use_bias=False),
            norm,
            keras.layers.Dense(4, "tanh"),
            keras.layers.Dense(1),
        ]
    )


@functools.cache
def by_hand(name):
    """Trains manually, unfreezing the third layer after one epoch and the first two after three; returns variables."""
    model, optimizer = network(), make(name)
    thaw = {1: model.layers[2:3], 3: model.layers[:2]}
    x, y = data()
    optimizer.build(model.trainable_variables)
    for layers in thaw.values():
        for layer in layers:
            layer.trainable = False
    for epoch in range(EPOCHS):
        for layer in thaw.get(epoch, ()):
            layer.trainable = True
        for start in range(0, len(x), BATCH):
            rows = slice(start, start + BATCH)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x[rows], training=True) - y[rows]) ** 2)
            weights = model.trainable_variables
            optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
    return model.variables


def make(name):
    return keras.optimizers.Adam(0.02) if name == "adam" else keras.optimizers.SGD(0.1, momentum=0.9)


@pytest.mark.parametrize(
    ("name", "loop"),
    [
        ("adam", "trainer"),
        pytest.param("adam", "keras", marks=pytest.mark.slow),
        pytest.param("momentum", "trainer", marks=pytest.mark.slow),
        ("momentum", "xla"),
    ],
)
def test_matches_manual_unfreezing(name, loop):
    """Tests two groups of layers, one of them with batch normalization, whose statistics are frozen as well."""
    ours = network()
    callbacks = [Unfreeze(ours.layers[2], at="25%"), Unfreeze(ours.layers[:2], at="3 epochs")]
    x, y = data()
    common = {"batch_size": BATCH, "epochs": EPOCHS, "shuffle": False, "callbacks": callbacks}
    if loop == "keras":
        ours.compile(make(name), "mse")
        ours.fit(x, y, verbose=0, **common)
    else:
        Trainer(ours, make(name), "mse", jit=loop == "xla").fit(x, y, verbose=False, **common)
    for one, other in zip(ours.variables, by_hand(name), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5, err_msg=one.path)
    assert all(layer.trainable for layer in ours.layers)


def test_resumed_runs(tmp_path):
    x, y = data()
    reused = Reused(lambda: Trainer(network(), make("adam"), "mse", jit=False))
    results = []
    for stops in ([EPOCHS], [1, EPOCHS], [3, EPOCHS]):
        for epochs in stops:
            trainer = reused()
            thaw = [Unfreeze(trainer.model.layers[:2], at="2 epochs")]
            folder = tmp_path / str(stops[0])
            trainer.fit(x, y, epochs=epochs, seed=1, callbacks=thaw, checkpoints=folder, resume=True, verbose=False)
        results.append(trainer.model.get_weights())
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(one, other)


def test_frozen_sublayers_stay_frozen():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), keras.layers.Dense(3)])
    inner.layers[0].trainable = False
    model = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(1)])
    before = [weight.copy() for weight in inner.get_weights()]
    stream = tf.data.Dataset.from_tensor_slices(data()).batch(BATCH)
    Trainer(model, "sgd", "mse", jit=False).fit(stream, epochs=2, callbacks=[Unfreeze(inner, "1 epoch")], verbose=False)
    same = [np.array_equal(one, other) for one, other in zip(inner.get_weights(), before, strict=True)]
    assert same == [True, True, False, False]
    assert [layer.trainable for layer in inner.layers] == [False, True]


def test_bad_arguments():
    model = network()
    for layers, at, error in (
        ([], "1 epoch", {"name": "layers", "expected": "a layer or a list of layers"}),
        ("dense", "1 epoch", {"name": "layers", "expected": "a layer or a list of layers"}),
        (model.layers[0], "3 minutes", {"name": "at", "received": "'3 minutes'"}),
        (model.layers[0], "1 epohc", {"name": "at", "received": "'1 epohc'", "remedy": "Did you mean"}),
    ):
        with raises_argument_error(**error):
            Unfreeze(layers, at)
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match="trainable at the start of training"):
        Trainer(model, "sgd", "mse", jit=False).fit(*data(), callbacks=[Unfreeze(model.layers[0], 1)], verbose=False)


def test_layers_are_unfrozen_after_failure():
    model = network()
    inputs = data()
    inputs[1][40] = np.nan  # accepted as a stream, of which only the first batch is validated
    stream = tf.data.Dataset.from_tensor_slices(inputs).batch(BATCH)
    trainer = Trainer(model, "sgd", "mse", jit=False)
    with pytest.raises(ArithmeticError):
        trainer.fit(stream, callbacks=[Unfreeze(model.layers[:2], "1 epoch")], verbose=False)
    assert all(layer.trainable for layer in model.layers)


def test_use_ema_is_unsupported():
    model = network()
    trainer = Trainer(model, keras.optimizers.SGD(use_ema=True), "mse", jit=False)
    with raises_argument_error("use_ema", received="True"):
        trainer.fit(*data(), callbacks=[Unfreeze(model.layers[0], "1 epoch")], verbose=False)
