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
from tensorsmith.testing import raises_argument_error
from tensorsmith.testing.conformance_file import load_rows

ROWS = load_rows(Path(__file__).with_name("conformance.py")).values()
RUN = Timeline(steps_per_epoch=10, batch_size=4, total_steps=50)

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)


@every_row
def test_shapes_and_dtypes_of_steps(row):
    schedule = row.make(**row.kwargs)
    expected = np.array([schedule(step).numpy() for step in row.steps])
    assert expected.dtype == np.float32
    for dtype in ("int32", "int64", "float32", "float64", "uint16"):
        np.testing.assert_array_equal(schedule(tf.constant(row.steps, dtype)), expected)
    found = schedule(np.array(row.steps)[:, None])
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, expected[:, None])
    np.testing.assert_array_equal(schedule(keras.Variable(row.steps[1], dtype="int64")), expected[1])


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[] if number % 6 == 0 else pytest.mark.slow) for number, row in enumerate(ROWS)],
    ids=[row.title for row in ROWS],
)
def test_xla(row):
    schedule = row.make(**row.kwargs)
    compiled = tf.function(schedule, jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(row.steps)), schedule(row.steps), rtol=1e-6)
    np.testing.assert_allclose(compiled(tf.constant(row.steps[1])), schedule(row.steps[1]), rtol=1e-6)


def test_steps_exceeding_float32_precision():
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


def test_config_preserves_lengths():
    config = CosineDecay(0.1, " 2.50 EPOCHS").get_config()
    assert config == {"initial": 0.1, "final": 0.0, "steps": " 2.50 EPOCHS", "timeline": None}
    config = CosineDecay(0.1, "2 epochs").bind(RUN).get_config()
    assert config["timeline"] == {"steps_per_epoch": 10, "batch_size": 4, "total_steps": 50}
    assert config["steps"] == "2 epochs"


def test_from_config_does_not_modify_config():
    config = CosineDecay(0.1, "2 epochs").bind(RUN).get_config()
    before = json.dumps(config)
    CosineDecay.from_config(config)
    assert json.dumps(config) == before


def test_unbound_schedule():
    for schedule in (CosineDecay(0.1, "2 epochs"), Scale(CosineDecay(0.1, "2 epochs"), 2.0)):
        with raises_argument_error("steps", expected="a number of steps when no timeline is bound"):
            schedule(0)
    with raises_argument_error("decay", received="'10%'"):  # the length that needs the run
        Trapezoid(0.1, warmup=5, decay="10%", steps=100)(0)
    with raises_argument_error("boundaries[1]", received="'2 epochs'"):
        PiecewiseConstant([5, "2 epochs"], [1, 2, 3])(0)
    with raises_argument_error("steps", received="'2 epochs'"):
        _ = CosineDecay(0.1, "2 epochs").end


def test_unbound_schedule_in_keras_fit():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(CosineDecay(0.1, "2 epochs")), "mean_squared_error", jit_compile=False)
    with raises_argument_error("steps", received="'2 epochs'"):
        model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)


def test_rebinding():
    schedule = Linear(0.0, 1.0, "1 epoch")
    for size in (10, 20):
        assert schedule.bind(Timeline(steps_per_epoch=size)) is schedule
        assert schedule.end == size
        assert schedule(size // 2).numpy() == 0.5


def test_bind_nested_schedules():
    inner = [Linear(0.0, 1.0, "1 epoch"), CosineDecay(1.0, "60%"), 0.5]
    schedule = Warmup(Scale(Join(inner, ["1 epoch", "80%"]), 2.0), "20 examples").bind(RUN)
    found = schedule([0, 5, 10, 15, 30, 45, 46]).numpy()
    np.testing.assert_allclose(found, [0, 0, 1, 2, 1, 1, 1], atol=1e-6)  # cosine from step 15 to 45, half at step 30
    assert [part.timeline for part in schedule.schedule.schedule.schedules[:2]] == [RUN, RUN]
    counterpart = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    np.testing.assert_array_equal(counterpart(np.arange(60)), schedule(np.arange(60)))


def test_nested_timeline_is_saved():
    schedule = Scale(Linear(0.0, 1.0, "1 epoch"), 2.0).bind(RUN)
    schedule.schedule.bind(Timeline(steps_per_epoch=40))
    counterpart = Scale.from_config(schedule.get_config())
    assert counterpart(20).numpy() == schedule(20).numpy() == 1.0


def test_failed_bind_changes_nothing():
    schedule = Warmup(CosineDecay(1.0, "1 epoch"), 15).bind(RUN)
    with raises_argument_error("steps", received="15", expected="no more than the 12 steps of the run"):
        schedule.bind(Timeline(steps_per_epoch=3, total_steps=12))
    with raises_argument_error("steps", received="'1 epochs'", expected="a number of steps when `steps_per_epoch`"):
        schedule.bind(Timeline(total_steps=30))
    assert schedule.timeline == schedule.schedule.timeline == RUN
    assert schedule.end == 25


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (
            lambda: CosineDecay(0.1, "1%"),
            {"name": "steps", "received": "'1%' (0 steps)", "expected": "at least 1 step"},
        ),
        (
            lambda: Warmup(0.1, "6 epochs"),
            {"name": "steps", "received": "'6 epochs' (60 steps)", "expected": "no more than the 50"},
        ),
        (
            lambda: InverseSquareRoot(0.1, 51),
            {"name": "warmup", "received": "51", "expected": "no more than the 50 steps of the run"},
        ),
        (lambda: Repeat(0.1, "1 epoch").bind(None), {"name": "timeline", "received": "None", "expected": "Timeline"}),
        (
            lambda: PiecewiseConstant(["2 epochs", 20], [1, 2, 3]),
            {"name": "boundaries[1]", "received": "20", "expected": "more than"},
        ),
        (
            lambda: PiecewiseConstant(["1%"], [1, 2]),
            {"name": "boundaries[0]", "received": "'1%' (0 steps)", "expected": "more"},
        ),
        (lambda: Join([1, 2, 3], [20, 10]), {"name": "boundaries[1]", "received": "10", "expected": "more than 20"}),
        (lambda: Join([1, 2, 3], [10, 10]), {"name": "boundaries[1]", "received": "10", "expected": "more than 10"}),
        (lambda: Join([1, 2], [0]), {"name": "boundaries[0]", "received": "0", "expected": "more than 0"}),
        (
            lambda: Join([1, 2], [-5]),
            {"name": "boundaries[0]", "received": "-5", "expected": "a non-negative duration"},
        ),
        (
            lambda: Join([1, 2], ["3 fortnights"]),
            {"name": "boundaries[0]", "received": "'3 fortnights'", "expected": "epochs"},
        ),
        (
            lambda: Join([1, "cosine"], [10]),
            {"name": "schedules[1]", "received": "'cosine'", "expected": "a schedule or a finite"},
        ),
        (lambda: PiecewiseConstant([5], [1, Linear(0, 1, 2)]), {"name": "values[1]", "expected": "a finite number"}),
        (
            lambda: ExponentialDecay(0.1, Duration(-1, "steps")),
            {"name": "steps", "received": "'-1 steps'", "expected": "a non-negative duration"},
        ),
        (
            lambda: ExponentialDecay(0.1, Duration(1, "hours")),
            {"name": "steps", "expected": "a duration in steps, epo"},
        ),
    ],
)
def test_invalid_lengths(make, error):
    with raises_argument_error(**error):
        make().bind(RUN)
