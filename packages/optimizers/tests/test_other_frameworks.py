"""Tests of the optimizers without kernels against equivalents in Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import optimizers
from tensorsmith.optimizers import extend_with_decoupled_weight_decay

STEPS = 50
SHAPES = {"kernel": (5, 3), "bias": (4,)}
MOMENTS = {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5}
CLIPPED = {"global_clipnorm": 1.0}


def variables_for(optimizer):
    rng = np.random.default_rng(5)
    variables = [keras.Variable(rng.normal(size=shape), dtype="float32", name=name) for name, shape in SHAPES.items()]
    optimizer.build(variables)
    return variables


def train(optimizer, variables, steps=STEPS):
    """Return all variables after several steps."""
    rng = np.random.default_rng(6)
    step = tf.function(optimizer.apply)
    for _ in range(steps):
        step([tf.constant(rng.normal(size=variable.shape) + 0.5, tf.float32) for variable in variables])
    return [np.array(each) for each in (*variables, *optimizer.variables)]


def expect_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def decoupled(base, weight_decay, learning_rate, **options):
    """Return the extended optimizer and the Keras optimizer, whose decay is multiplied by the learning rate."""
    make = optimizers.SGDW if base is keras.optimizers.SGD else extend_with_decoupled_weight_decay(base)
    ours = make(weight_decay=weight_decay, learning_rate=learning_rate, **options)
    return ours, base(weight_decay=weight_decay / learning_rate, learning_rate=learning_rate, **options)


@pytest.mark.parametrize(
    "pair",
    [
        lambda: (optimizers.LazyAdam(**MOMENTS), keras.optimizers.Adam(**MOMENTS)),
        lambda: (optimizers.LazyAdam(amsgrad=True, **CLIPPED), keras.optimizers.Adam(amsgrad=True, **CLIPPED)),
        lambda: (optimizers.LazyAdam(weight_decay=0.1), keras.optimizers.AdamW(weight_decay=0.1)),
        lambda: (optimizers.AddonsLAMB(**MOMENTS), keras.optimizers.Lamb(**MOMENTS)),
        lambda: decoupled(keras.optimizers.SGD, 0.01, 0.05),
        lambda: decoupled(keras.optimizers.SGD, 0.01, 0.05, momentum=0.9, **CLIPPED),
        lambda: decoupled(keras.optimizers.SGD, 0.01, 0.05, momentum=0.9, nesterov=True),
        lambda: decoupled(optimizers.SGD, 0.01, 0.05, momentum=0.9),
        lambda: decoupled(keras.optimizers.Adam, 0.01, 0.05, amsgrad=True),
        *(
            pytest.param(pair, marks=pytest.mark.slow)
            for pair in (
                lambda: decoupled(keras.optimizers.RMSprop, 0.01, 0.05, momentum=0.5),
                lambda: decoupled(keras.optimizers.Nadam, 0.01, 0.05, clipnorm=1.0),
            )
        ),
    ],
)
def test_matches_keras(pair):
    """The state variables are the same, too."""
    expect_same(*[train(each, variables_for(each)) for each in pair()])


@pytest.mark.parametrize("amsgrad", [False, True])
def test_lazy_adam_state_is_compatible_with_adam(amsgrad):
    kinds = [optimizers.LazyAdam, keras.optimizers.Adam]
    for first, second in (kinds, kinds[::-1]):
        one, other = first(amsgrad=amsgrad, name="same"), second(amsgrad=amsgrad, name="same")
        ones, others = variables_for(one), variables_for(other)
        assert [variable.path for variable in one.variables] == [variable.path for variable in other.variables]
        train(one, ones, 3)
        store = {}
        one.save_own_variables(store)
        other.load_own_variables(store)
        for variable, value in zip(others, ones, strict=True):
            variable.assign(value)
        expect_same(train(one, ones, 3), train(other, others, 3))
