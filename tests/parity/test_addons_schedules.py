"""Comparison of cyclical schedules with TensorFlow Addons: values, for random cycles."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorsmith import schedules

STEPS = np.arange(60, dtype="float32")  # floats, because Addons cannot compute a power of gamma with integer steps
several = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
rates = st.floats(0, 1, width=32, allow_subnormal=False)
sizes = st.one_of(st.integers(1, 40), st.sampled_from([0.5, 2.25, 7.5]))


@keras.saving.register_keras_serializable("tensorsmith_tests")
def power_of_nine_tenths(position):
    return 0.9**position


def expect_same(addons, name, options, **function):
    found = getattr(schedules, name)(**options, **function)(STEPS)
    more = {"factor": 0.9} if function else {}
    theirs, _ = addons("schedule", [STEPS], name=name, **options, **more)
    assert found.shape == theirs.shape
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-5)


def test_defaults(addons):
    """Default arguments agree. The values are those of the example in Addons, multiplied by 1,000."""
    options = {"initial_learning_rate": 0.1, "maximal_learning_rate": 10.0, "step_size": 20}
    for name in ("TriangularCyclicalLearningRate", "Triangular2CyclicalLearningRate"):
        expect_same(addons, name, options)
    expect_same(addons, "ExponentialCyclicalLearningRate", options)
    expect_same(addons, "CyclicalLearningRate", options, scale_fn=power_of_nine_tenths)


@pytest.mark.parametrize("mode", ["cycle", "iterations"])
@pytest.mark.parametrize("name", ["TriangularCyclicalLearningRate", "Triangular2CyclicalLearningRate"])
@several
@given(rates, rates, sizes)
def test_triangular(addons, name, mode, initial, maximal, size):
    options = {"initial_learning_rate": initial, "maximal_learning_rate": maximal}
    expect_same(addons, name, {**options, "step_size": size, "scale_mode": mode})


@pytest.mark.parametrize("mode", ["cycle", "iterations"])
@several
@given(rates, rates, sizes, st.sampled_from([0.5, 0.96, 1.0, 1.01]))
def test_exponential(addons, mode, initial, maximal, size, gamma):
    options = {"initial_learning_rate": initial, "maximal_learning_rate": maximal, "scale_mode": mode}
    expect_same(addons, "ExponentialCyclicalLearningRate", {**options, "step_size": size, "gamma": gamma})


@pytest.mark.parametrize("mode", ["cycle", "iterations"])
@several
@given(rates, rates, sizes)
def test_custom_scale_function(addons, mode, initial, maximal, size):
    options = {"initial_learning_rate": initial, "maximal_learning_rate": maximal, "scale_mode": mode}
    expect_same(addons, "CyclicalLearningRate", {**options, "step_size": size}, scale_fn=power_of_nine_tenths)
