"""Tests common to all schedules: dtypes of steps, units of lengths, and early errors."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.core import Duration, Timeline
from tensorsmith.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseSquareRoot,
    Join,
    Linear,
    PiecewiseConstant,
    Repeat,
    Scale,
    Trapezoid,
    Warmup,
)
from tensorsmith.testing.conformance_file import load_rows

ROWS = load_rows(Path(__file__).with_name("conformance.py")).values()
RUN = Timeline(steps_per_epoch=10, batch_size=4, total_steps=50)

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)


@every_row
def test_shapes_and_types_of_steps(row):
    schedule = row.make(**row.kwargs)
    expected = np.array([schedule(step).numpy() for step in row.steps])
    assert expected.dtype == np.float32
    for dtype in ("int32", "int64", "float32", "float64", "uint16"):
        np.testing.assert_array_equal(schedule(tf.constant(row.steps, dtype)), expected)
    found = schedule(np.array(row.steps)[:, None])
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, expected[:, None])
    np.testing.assert_array_equal(schedule(keras.Variable(row.steps[1], dtype="int64")), expected[1])


@every_row
def test_xla(row):
    schedule = row.make(**row.kwargs)
    compiled = tf.function(schedule, jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(row.steps)), schedule(row.steps), rtol=1e-6)
    np.testing.assert_allclose(compiled(tf.constant(row.steps[1])), schedule(row.steps[1]), rtol=1e-6)


def test_steps_beyond_what_float32_counts():
    schedule = Repeat(Linear(0.0, 10.0, steps=10), every=10)
    start = 2**24 * 10
    np.testing.assert_array_equal(schedule(np.arange(start, start + 20)), [*range(10), *range(10)])
    later = PiecewiseConstant([2**40 + 1], [1.0, 2.0])
    assert [later(2**40).numpy(), later(2**40 + 1).numpy()] == [1, 2]


@pytest.mark.parametrize(
    ("length", "steps"),
    [
        (25, 25),
        (np.int64(25), 25),
        ("25 steps", 25),
        ("2.5 epochs", 25),
        ("100 examples", 25),
        ("50%", 25),
        (Duration(2.5, "epochs"), 25),
        (Duration(1234567, "steps"), 1234567),
    ],
)
def test_lengths_in_any_unit(length, steps):
    schedule = Linear(0.0, 1.0, length).bind(RUN)
    assert schedule.length("steps") == schedule.end == steps
    counterpart = Linear.from_config(json.loads(json.dumps(schedule.get_config())))
    assert counterpart.length("steps") == steps
    assert counterpart.get_config() == schedule.get_config()


def test_config_keeps_lengths_as_given():
    config = CosineDecay(0.1, " 2.50 EPOCHS").get_config()
    assert config == {"initial": 0.1, "final": 0.0, "steps": " 2.50 EPOCHS", "timeline": None}
    config = CosineDecay(0.1, "2 epochs").bind(RUN).get_config()
    assert config["timeline"] == {"steps_per_epoch": 10, "batch_size": 4, "total_steps": 50}
    assert config["steps"] == "2 epochs"


def test_config_is_left_alone():
    config = CosineDecay(0.1, "2 epochs").bind(RUN).get_config()
    before = json.dumps(config)
    CosineDecay.from_config(config)
    assert json.dumps(config) == before


def test_nobody_bound_it():
    for schedule in (CosineDecay(0.1, "2 epochs"), Scale(CosineDecay(0.1, "2 epochs"), 2.0)):
        with pytest.raises(ValueError, match="steps must be a number of steps when no timeline is bound"):
            schedule(0)
    with pytest.raises(ValueError, match="decay must .*got '10%'"):  # the length that needs the run
        Trapezoid(0.1, warmup=5, decay="10%", steps=100)(0)
    with pytest.raises(ValueError, match=r"boundaries\[1\] must .*got '2 epochs'"):
        PiecewiseConstant([5, "2 epochs"], [1, 2, 3])(0)
    with pytest.raises(ValueError, match="steps must .*got '2 epochs'"):
        _ = CosineDecay(0.1, "2 epochs").end


def test_nobody_bound_what_keras_fits():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(CosineDecay(0.1, "2 epochs")), "mean_squared_error")
    with pytest.raises(ValueError, match="steps must .*got '2 epochs'"):
        model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)


def test_binds_again():
    schedule = Linear(0.0, 1.0, "1 epoch")
    for size in (10, 20):
        assert schedule.bind(Timeline(steps_per_epoch=size)) is schedule
        assert schedule.end == size
        assert schedule(size // 2).numpy() == 0.5


def test_binds_what_is_inside():
    inner = [Linear(0.0, 1.0, "1 epoch"), CosineDecay(1.0, "60%"), 0.5]
    schedule = Warmup(Scale(Join(inner, ["1 epoch", "80%"]), 2.0), "20 examples").bind(RUN)
    found = schedule([0, 5, 10, 15, 30, 45, 46]).numpy()
    np.testing.assert_allclose(found, [0, 0, 1, 2, 1, 1, 1], atol=1e-6)  # cosine from step 15 to 45, half at step 30
    assert [part.timeline for part in schedule.schedule.schedule.schedules[:2]] == [RUN, RUN]
    counterpart = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    np.testing.assert_array_equal(counterpart(np.arange(60)), schedule(np.arange(60)))


def test_what_is_inside_keeps_its_own_run():
    schedule = Scale(Linear(0.0, 1.0, "1 epoch"), 2.0).bind(RUN)
    schedule.schedule.bind(Timeline(steps_per_epoch=40))
    counterpart = Scale.from_config(schedule.get_config())
    assert counterpart(20).numpy() == schedule(20).numpy() == 1.0


def test_a_run_that_does_not_fit_changes_nothing():
    schedule = Warmup(CosineDecay(1.0, "1 epoch"), 15).bind(RUN)
    with pytest.raises(ValueError, match="steps must be no more than the 12 steps of the run.*got 15"):
        schedule.bind(Timeline(steps_per_epoch=3, total_steps=12))
    with pytest.raises(
        ValueError, match="steps must be a number of steps when `steps_per_epoch` is unknown, got '1 epochs'"
    ):
        schedule.bind(Timeline(total_steps=30))
    assert schedule.timeline == schedule.schedule.timeline == RUN
    assert schedule.end == 25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CosineDecay(0.1, "1%"), r"steps must be at least 1 step.*got '1%' \(0 steps\)"),
        (lambda: Warmup(0.1, "6 epochs"), r"steps must be no more than the 50.*got '6 epochs' \(60 steps\)"),
        (lambda: InverseSquareRoot(0.1, 51), "warmup must be no more than the 50 steps of the run.*got 51"),
        (lambda: Repeat(0.1, "1 epoch").bind(None), "timeline must be a .*Timeline.*got None"),
        (lambda: PiecewiseConstant(["2 epochs", 20], [1, 2, 3]), r"boundaries\[1\] must be more than.*got 20"),
        (lambda: PiecewiseConstant(["1%"], [1, 2]), r"boundaries\[0\] must be more.*got '1%' \(0 steps\)"),
        (lambda: Join([1, 2, 3], [20, 10]), r"boundaries\[1\] must be more than 20.*got 10"),
        (lambda: Join([1, 2, 3], [10, 10]), r"boundaries\[1\] must be more than 10.*got 10"),
        (lambda: Join([1, 2], [0]), r"boundaries\[0\] must be more than 0.*got 0"),
        (lambda: Join([1, 2], [-5]), r"boundaries\[0\] must be a non-negative duration.*got -5"),
        (lambda: Join([1, 2], ["3 fortnights"]), r"boundaries\[0\] must .*epochs.*got '3 fortnights'"),
        (lambda: Join([1, "cosine"], [10]), r"schedules\[1\] must be a schedule or a finite.*got 'cosine'"),
        (lambda: PiecewiseConstant([5], [1, Linear(0, 1, 2)]), r"values\[1\] must be a finite number"),
        (lambda: ExponentialDecay(0.1, Duration(-1, "steps")), "steps must be a non-negative duration, got '-1 steps'"),
        (lambda: ExponentialDecay(0.1, Duration(1, "hours")), "steps must be a duration in steps, epo"),
    ],
)
def test_lengths_that_do_not_go_together(make, message):
    with pytest.raises(ValueError, match=message):
        make().bind(RUN)
