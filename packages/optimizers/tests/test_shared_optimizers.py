"""Tests of optimizers that several models and wrappers share, which each model trains as with a separate optimizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from stepping import COLUMNS, ROWS, WRAPPERS, expect_same, losses, model_with, table

from tensorsmith import optimizers
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

RATE = 0.05
every_kind = pytest.mark.parametrize("kind", WRAPPERS)


def around(kind, inner, **more):
    return getattr(optimizers, kind)(inner, **{**WRAPPERS[kind], **more})


def dense_gradients(count):
    rng = np.random.default_rng(7)
    return [tf.constant(rng.normal(size=(ROWS, COLUMNS)) + 0.2, "float32") for _ in range(count)]


@pytest.mark.parametrize("traced", [False, True])
@every_kind
def test_optimizer_that_several_models_share(kind, traced):
    """As in scripts for Keras 2, each model is trained as with an optimizer of its own."""

    def trained(optimizer):
        variable = table()
        step = tf.function(lambda gradient: optimizer.apply([gradient], [variable]), autograph=False)
        if not traced:
            optimizer.build([variable])
        for gradient in dense_gradients(4):
            step(gradient)
        return [np.array(each).astype("float64") for each in (variable, *optimizer.variables)]

    shared = keras.optimizers.SGD(RATE, momentum=0.9, nesterov=True, clipnorm=1.0)
    expected = trained(shared)  # without a wrapper
    first, second = around(kind, shared), optimizers.Lookahead(around(kind, shared), sync_period=2)
    for optimizer in (first, second):
        separate = type(optimizer).from_config(optimizer.get_config())
        expect_same(trained(optimizer), trained(separate))
    expect_same([np.array(each).astype("float64") for each in shared.variables], expected[1:])
    assert first.inner_optimizer is not shared


def test_models_that_share_an_optimizer():
    """The tutorial of TensorFlow Addons on averaging passes one optimizer to three models."""
    shared = keras.optimizers.SGD(0.01)
    histories = [
        losses(model_with(optimizer))
        for optimizer in (shared, optimizers.MovingAverage(shared), optimizers.SWA(shared), optimizers.SWA(shared))
    ]
    for history in histories:
        np.testing.assert_array_equal(history, histories[0])


@pytest.mark.parametrize("kind", ["GradientCentralization", "MovingAverage", "SWA"])
def test_copy_of_a_shared_optimizer(kind):
    """Changed learning rates and exclusions from weight decay are those of the original."""
    shared = optimizers.Lookahead(keras.optimizers.SGD(0.0, weight_decay=0.5), sync_period=2)
    shared.exclude_from_weight_decay(var_names=["table"])
    shared.apply([tf.zeros((ROWS, COLUMNS))], [table()])
    shared.learning_rate = 0.5
    optimizer, variables = around(kind, shared), [table(), keras.Variable([4.0], name="kernel")]
    start = np.array(variables[0])
    optimizer.apply([tf.zeros((ROWS, COLUMNS)), tf.zeros(1)], variables)
    assert float(optimizer.learning_rate) == 0.5
    np.testing.assert_array_equal(variables[0], start)
    np.testing.assert_allclose(variables[1], [3.0])


@every_kind
def test_trained_optimizer_of_the_same_model_is_not_copied(kind):
    variables = [keras.Variable([1.0, 2.0]), keras.Variable([3.0])]
    trained = keras.optimizers.SGD(RATE, momentum=0.9)
    trained.apply([tf.ones(2), tf.ones(1)], variables)
    optimizer = around(kind, trained, **({"scales": {"variable": 0.5}} if kind == "ScaledUpdates" else {}))
    optimizer.apply([tf.ones(2)], variables[:1])
    assert optimizer.inner_optimizer is trained
    assert int(trained.iterations) == 2


def test_shared_optimizer_that_cannot_be_copied():
    class Own(keras.optimizers.SGD):
        def __init__(self, rate):  # other arguments than in the config
            super().__init__(rate)

    shared = Own(0.1)
    shared.apply([tf.ones(1)], [keras.Variable([1.0])])
    with raises_argument_error("optimizer", received="own", remedy="create an optimizer for each model"):
        optimizers.SWA(shared).apply([tf.ones(1)], [keras.Variable([1.0])])
