"""Tests of schedules made of schedules, and of optimizers that use them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as some

from tensorsmith.core import Timeline
from tensorsmith.schedules import (
    Clip,
    CosineDecay,
    ExponentialDecay,
    InverseSquareRoot,
    Join,
    Linear,
    PiecewiseConstant,
    PowerDecay,
    Repeat,
    Scale,
    Warmup,
)

STEPS = np.arange(120)
KERAS = keras.optimizers.schedules
numbers = some.floats(-10, 10, width=32, allow_subnormal=False)
lengths = some.integers(1, 60)
steps = some.integers(0, 1000)
schedules = some.one_of(
    numbers,
    some.builds(Linear, numbers, numbers, lengths),
    some.builds(CosineDecay, numbers, lengths, numbers),
    some.builds(PowerDecay, numbers, lengths, some.floats(0, 3)),
    some.builds(KERAS.ExponentialDecay, numbers, lengths, some.floats(0.125, 1)),
)
few = settings(max_examples=40, deadline=None)


def at(schedule, step):
    """Return the value of any part of a combinator, in float64."""
    return np.float64(schedule if isinstance(schedule, float) else schedule(step).numpy())


@few
@given(schedules, numbers, steps)
def test_scale_multiplies(schedule, factor, step):
    np.testing.assert_allclose(Scale(schedule, factor)(step), factor * at(schedule, step), rtol=3e-7, atol=1e-12)


@few
@given(schedules, numbers, numbers, steps)
def test_clip_bounds(schedule, one, other, step):
    low, high = sorted([one, other])
    inside = at(schedule, step)
    assert at(Clip(schedule, low, high), step) == np.clip(inside, low, high)
    assert at(Clip(schedule, minimum=low), step) == max(inside, low)
    assert at(Clip(schedule, maximum=high), step) == min(inside, high)


@few
@given(schedules, lengths, steps)
def test_repeat_is_periodic(schedule, every, step):
    repeated = Repeat(schedule, every)
    assert at(repeated, step) == at(repeated, step + every) == at(schedule, step % every)
    assert at(repeated, 7 * every) == at(schedule, 0)


@few
@given(schedules, lengths, numbers, steps)
def test_warmup(schedule, length, initial, step):
    warm = Warmup(schedule, length, initial)
    assert at(warm, 0) == initial
    assert at(warm, length + step) == at(schedule, step)
    ramp = np.interp(np.arange(length), [0, length], [initial, at(schedule, 0)])
    np.testing.assert_allclose(warm(np.arange(length)), ramp, rtol=1e-6, atol=1e-6)
    assert at(Warmup(schedule, 0, initial), step) == at(schedule, step)


@few
@given(some.lists(schedules, min_size=2, max_size=4), some.lists(lengths, min_size=3, max_size=3), steps)
def test_join_restarts_step_count(parts, gaps, step):
    starts = [0, *np.cumsum(gaps)[: len(parts) - 1].tolist()]
    position = max(i for i, start in enumerate(starts) if start <= step)
    assert at(Join(parts, starts[1:]), step) == at(parts[position], step - starts[position])


@few
@given(some.lists(numbers, min_size=3, max_size=3), lengths, lengths)
def test_join_is_continuous(corners, first, second):
    low, middle, high = corners
    joined = Join([Linear(low, middle, first), Linear(middle, high, second)], [first])
    expected = np.interp(STEPS, [0, first, first + second], corners)
    np.testing.assert_allclose(joined(STEPS), expected, rtol=1e-6, atol=1e-6)
    assert joined.end == first + second


def test_gradual_warmup_of_paper():
    """Goyal et al. use a batch size of 8192 instead of 256, 32 times the learning rate, and 5 warm-up epochs."""
    run = Timeline(steps_per_epoch=157)
    counted_from_the_start = PiecewiseConstant(["25 epochs", "55 epochs", "75 epochs"], [0.1, 0.01, 0.001, 0.0001])
    schedule = Warmup(Scale(counted_from_the_start, 32), "5 epochs", initial=0.1).bind(run)
    epochs = np.array([0, 1, 2.5, 5, 29, 30, 59, 60, 79, 80, 89])
    expected = [0.1, 0.72, 1.65, 3.2, 3.2, 0.32, 0.32, 0.032, 0.032, 0.0032, 0.0032]
    # A constant increment in each step; the length 157 * 2.5 is not an integer.
    np.testing.assert_allclose(schedule((epochs * 157).astype("float32")), expected, rtol=1e-6)
    rises = np.diff(schedule.formula(np.arange(5.0 * 157 + 1)))
    np.testing.assert_allclose(rises, 3.1 / (5 * 157), rtol=1e-9)


def test_warmup_matches_keras_cosine_decay():
    ours = Warmup(CosineDecay(0.1, 80, final=0.01), 20, initial=0.02)
    theirs = KERAS.CosineDecay(0.02, 80, alpha=0.1, warmup_target=0.1, warmup_steps=20)
    np.testing.assert_allclose(ours(STEPS), [theirs(step) for step in STEPS], rtol=1e-5)


def test_end():
    assert Scale(Linear(0, 1, 10), 2).end == Clip(Linear(0, 1, 10), 0).end == 10
    assert Warmup(Linear(0, 1, 10), 5).end == 15
    assert Warmup(0.1, 5).end == 5
    assert Join([InverseSquareRoot(1.0, 4), 0.5], [20]).end == 20
    for endless in (
        Repeat(Linear(0, 1, 10), 20),
        Warmup(ExponentialDecay(0.1, 5), 5),
        Scale(KERAS.CosineDecay(1, 9), 2),
    ):
        assert endless.end is None


@keras.saving.register_keras_serializable("tensorsmith_tests")
class WholeSteps(KERAS.LearningRateSchedule):
    """Custom schedule that requires an integer step, as passed by Keras, to look up a value."""

    def __call__(self, step):
        return tf.gather(tf.constant([0.5, 0.25, 0.125]), tf.minimum(step, 2))

    def get_config(self):
        return {}


def test_custom_schedules_get_integer_steps():
    schedule = Warmup(WholeSteps(), 2)
    expected = [0, 0.25, 0.5, 0.25, 0.125, 0.125]
    np.testing.assert_array_equal([schedule(step) for step in range(6)], expected)
    np.testing.assert_array_equal(schedule([[0, 1, 2], [3, 4, 5]]), np.reshape(expected, (2, 3)))


class Weights(keras.callbacks.Callback):
    """Callback that records the single weight after each step."""

    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def on_train_batch_end(self, batch, logs=None):
        self.kept.append(self.model.get_weights()[0].item())


def reference(step):
    """Return the values of the schedules below, computed by hand; an epoch has four steps."""
    return {
        "Clip": np.clip(0.08 - 0.01 * step, 0.03, 0.06),
        "Join": 0.01 * step if step < 4 else 0.05,
        "Repeat": 0.08 - 0.01 * (step % 3),
        "Scale": 0.5 * max(0.08 - 0.01 * step, 0),
        "Warmup": 0.02 * step if step < 4 else 0.08 - 0.01 * (step - 4),
    }


@pytest.mark.parametrize(
    "schedule",
    [
        Clip(Linear(0.08, 0.0, 8), 0.03, 0.06),
        Join([Linear(0.0, 0.08, "2 epochs"), 0.05], ["1 epoch"]),
        Repeat(Linear(0.08, 0.0, 8), 3),
        Scale(KERAS.PolynomialDecay(0.08, 8, 0.0), 0.5),
        Warmup(Linear(0.08, 0.0, "2 epochs"), "1 epoch"),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_training_and_resume(schedule, tmp_path):
    """With the absolute error, each step changes the weight by the learning rate."""
    schedule.bind(Timeline(steps_per_epoch=4))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(schedule), "mean_absolute_error", jit_compile=False)
    weights, x = [0.0], np.ones((5, 1), "float32")
    for _ in range(2):
        model.fit(x, 100 * x, batch_size=1, verbose=0, callbacks=[Weights(weights)])
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
    name = type(schedule).__name__
    np.testing.assert_allclose(np.diff(weights), [reference(step)[name] for step in range(10)], atol=1e-6)


@pytest.mark.parametrize("schedule", [Scale(KERAS.CosineDecay(1.0, 9), 2), Warmup(WholeSteps(), 2)])
def test_empty_steps_and_unknown_rank(schedule):
    """Also for parts that accept only one step at a time."""
    assert schedule(np.zeros((0,))).shape == (0,)
    assert schedule(np.zeros((2, 0))).shape == (2, 0)
    traced = tf.function(schedule, input_signature=[tf.TensorSpec(None, "int64")])
    for positions in (3, [0, 1, 5], [[0, 1], [2, 5]], np.zeros((0, 3), "int64")):
        np.testing.assert_array_equal(traced(tf.constant(positions, "int64")), schedule(positions))


def test_shared_part_is_bound_separately():
    """Each combinator binds its own copy; the given schedule is unchanged."""
    shared = Linear(1.0, 0.0, "1 epoch")
    combinators = [
        make(shared)
        for make in (
            lambda part: Scale(part, 1),
            lambda part: Clip(part, 0.0),
            lambda part: Warmup(part, 0),
            lambda part: Repeat(part, 1000),
            lambda part: Join([part, 0.0], [1000]),
        )
    ]
    for steps, combinator in enumerate(combinators, start=1):
        combinator.bind(Timeline(steps_per_epoch=4 * steps))
    assert shared.timeline is None
    for steps, combinator in enumerate(combinators, start=1):
        np.testing.assert_array_equal(combinator([0, 2 * steps, 4 * steps]), [1.0, 0.5, 0.0])


def test_custom_schedules_are_not_copied():
    """State of custom schedules may change and is therefore not copied."""

    class Adjusted(KERAS.LearningRateSchedule):
        def __init__(self):
            self.rate = tf.Variable(0.5)

        def __call__(self, step):
            return self.rate

    adjusted = Adjusted()
    schedule = Warmup(Scale(Clip(adjusted, 0.0), 2), 0)
    adjusted.rate.assign(0.25)
    assert at(schedule, 3) == 0.5
