"""Tests of OneCycle against linear interpolation in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.schedules import OneCycle

RATE = {"initial": 0.1, "peak": 1.0, "steps": 1000, "final": 1e-5}
MOMENTUM = {"initial": 0.95, "peak": 0.85, "steps": 1000, "final": 0.95}


def reference(step, initial, peak, steps, final, final_fraction=0.1):
    cycle = steps - max(1, round(final_fraction * steps))
    return np.interp(step, [0, cycle / 2, cycle, steps], [initial, peak, initial, final])


@pytest.mark.parametrize(
    "arguments",
    [
        RATE,
        MOMENTUM,
        {**RATE, "final_fraction": 0.25},
        {**RATE, "steps": 3},
        {**RATE, "steps": 2, "final_fraction": 0.5},
        {**RATE, "steps": 1001, "final_fraction": 0.9},
    ],
    ids=str,
)
def test_matches_linear_interpolation(arguments):
    steps = np.arange(arguments["steps"] + 50)
    found = OneCycle(**arguments)(steps).numpy()
    np.testing.assert_allclose(found, reference(steps, **arguments), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize(("arguments"), [RATE, MOMENTUM], ids=["rate", "momentum"])
def test_corners_are_exact(arguments):
    schedule = OneCycle(**arguments)
    initial, peak, final = (np.float32(arguments[name]) for name in ("initial", "peak", "final"))
    for step, value in ((0, initial), (450, peak), (900, initial), (1000, final), (10**9, final)):
        assert schedule(step).numpy() == value


def test_momentum_in_final_phase():
    found = OneCycle(**MOMENTUM)(np.arange(900, 1100)).numpy()
    np.testing.assert_allclose(found, 0.95, rtol=1e-7)


def test_default_final_value():
    schedule = OneCycle(initial=0.1, peak=1.0, steps=100)
    assert schedule.final == pytest.approx(1e-4)
    assert schedule(100).numpy() == np.float32(schedule.final)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
def test_tensor_steps(dtype):
    schedule = OneCycle(**RATE)
    value = tf.function(schedule)(tf.constant(225, dtype))
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, 0.55, rtol=1e-6)


def test_resume_from_saved_model(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(
        optimizer=keras.optimizers.SGD(OneCycle(0.01, 0.1, steps=10, final=1e-6)),
        loss="mean_squared_error",
        jit_compile=False,
    )
    x = np.ones((4, 2), "float32")
    model.fit(x, x[:, :1], batch_size=1, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations.numpy()) == 8
    expected = reference(8, 0.01, 0.1, steps=10, final=1e-6)
    np.testing.assert_allclose(float(loaded.optimizer.learning_rate), expected, rtol=1e-5)
    loaded.fit(x, x[:, :1], batch_size=1, epochs=2, verbose=0)
    assert loaded.optimizer.learning_rate.numpy() == np.float32(1e-6)
