"""Tests that the private attributes of the installed Keras version have the documented values."""

import keras
import numpy as np
import pytest

from tensorsmith.core import keras_internals as internals


@pytest.fixture
def variables():
    return [keras.Variable([1.0, 2.0], name=name) for name in ("kernel", "bias")]


@pytest.mark.parametrize("accumulation", [None, 2])
def test_iterations(variables, accumulation):
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=accumulation)
    for _ in range(3):
        optimizer.apply([np.ones(2, "float32")] * 2, variables)
    assert internals.iterations_variable(optimizer) is optimizer.variables[0]
    assert int(internals.iterations_variable(optimizer)) == 3


def test_learning_rate_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert internals.learning_rate_schedule(keras.optimizers.SGD(schedule)) is schedule
    assert internals.learning_rate_schedule(keras.optimizers.SGD(0.1)) is None


def test_variables(variables):
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.1)
    assert internals.built_variables(optimizer) == []
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)
    assert all(map(lambda one, other: one is other, internals.built_variables(optimizer), variables))
    for index, variable in enumerate(variables):
        for each in (variable, variable.value):
            assert internals.variable_index(optimizer, each) == index
            assert internals.variable_key(optimizer, each) == internals.variable_key(optimizer, variable)
            assert internals.uses_weight_decay(optimizer, each) == (index == 0)
    assert internals.variable_key(optimizer, variables[0]) != internals.variable_key(optimizer, variables[1])


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Lamb"])
def test_moments(variables, name):
    optimizer = getattr(keras.optimizers, name)(0.1, beta_1=0.5, beta_2=0.75)
    optimizer.apply([np.array([4.0, -2.0], "float32")] * 2, variables)
    for first, second in zip(internals.first_moments(optimizer), internals.second_moments(optimizer), strict=True):
        np.testing.assert_allclose(first, [2, -1], rtol=1e-6)
        np.testing.assert_allclose(second, [4, 1], rtol=1e-6)


def test_overrides_compute_attention():
    class Other(keras.layers.MultiHeadAttention):
        def _compute_attention(self, *arguments, **options):
            return super()._compute_attention(*arguments, **options)

    assert not internals.overrides_compute_attention(keras.layers.MultiHeadAttention(1, 2))
    assert internals.overrides_compute_attention(Other(1, 2))


def test_masks():
    x = np.array([[[1.0], [0.0]]], "float32")
    masked = keras.layers.Masking()(x)
    np.testing.assert_array_equal(internals.keras_mask(masked), [[True, False]])
    tensor = keras.ops.convert_to_tensor(x)
    assert internals.keras_mask(tensor) is None
    internals.set_keras_mask(tensor, keras.ops.convert_to_tensor([[True, False]]))
    assert keras.losses.MeanSquaredError()(np.full((1, 2, 1), 3.0, "float32"), tensor) == 4  # of the first step
