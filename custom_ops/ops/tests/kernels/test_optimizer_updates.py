"""Tests of optimizer updates against reference implementations, float64, NumPy formulas, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

SHAPES = [(3, 5), (), (1,), (0, 4), (17,), (2, 3, 31), (1, 1), (129, 131), (20011,)]
LISTS = {"adam": 4, "lamb": 4, "sgd": 2, "momentum": 3, "nesterov": 3}  # parameters, gradients, and optimizer state
SETTINGS = {
    "plain": {},
    "decay": {"weight_decay": [0.1 * (i % 3) for i in range(len(SHAPES))]},
    "clipped": {"global_clipnorm": 3.0, "weight_decay": 0.01},
    "scaled": {"loss_scale": 128.0, "global_clipnorm": 0.1},
}


def update(kind, lists, **more):
    """Returns the result of one update on lists of tensors."""
    arguments = {"learning_rate": 0.05, **more}
    if kind in ("adam", "lamb"):
        function = ops.adam_update if kind == "adam" else ops.lamb_update
        return function(*lists, **{"step": 3, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4, **arguments})
    if kind != "sgd":
        arguments |= {"momentum": 0.7, "nesterov": kind == "nesterov"}
    return ops.sgd_update(*lists, **arguments)


def of_tensors(kind, **more):
    """Returns the update as a function of its tensors as positional arguments."""

    def function(*tensors):
        size = len(tensors) // LISTS[kind]
        return update(kind, [tensors[i : i + size] for i in range(0, len(tensors), size)], **more)[:-1]

    return function


def draw(kind, rng, shapes=SHAPES):
    lists = [[np.asarray(rng.normal(size=shape)) for shape in shapes] for _ in range(LISTS[kind])]
    if LISTS[kind] == 4:
        lists[3] = [0.1 + value**2 for value in lists[3]]
    return lists


def as_float32(lists):
    return [[tf.constant(value, tf.float32) for value in values] for values in lists]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", LISTS)
def test_matches_reference(kind, settings, agree, rng):
    tensors = [value for values in draw(kind, rng) for value in values]
    function = of_tensors(kind, **SETTINGS[settings])
    agree(lambda *tensors: tf.nest.map_structure(tf.stop_gradient, function(*tensors)), *tensors)


@pytest.mark.parametrize("kind", LISTS)
def test_gradients_match_reference(kind, rng):
    def slopes(lists):
        tensors = [value for values in lists for value in values]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            new = tf.nest.flatten(function(*tensors))
            total = tf.add_n([tf.reduce_sum(tf.cos(value)) for value in new])
        return tape.gradient(total, tensors)

    function = of_tensors(kind, global_clipnorm=1.0, weight_decay=0.3, loss_scale=2.0)
    lists = draw(kind, rng, [(3, 5), (), (7,)])
    ours = slopes(as_float32(lists))
    with ops.use("reference"):
        exact = slopes([[tf.constant(value) for value in values] for values in lists])
    for one, other in zip(ours, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", LISTS)
def test_large_tensors_are_streamed(kind, rng):
    """Sizes are large enough for non-temporal stores, and are not multiples of the vector width."""
    lists = as_float32(draw(kind, rng, [(1024, 1031), (5, 3), (300_007,)]))
    ours = update(kind, lists, global_clipnorm=2.0)
    with ops.use("reference"):
        reference = update(kind, lists, global_clipnorm=2.0)
    for one, other in zip(tf.nest.flatten(ours), tf.nest.flatten(reference), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kind", LISTS)
def test_independent_of_thread_count(kind, same_for_any_thread_count, rng):
    tensors = [value for values in as_float32(draw(kind, rng, [(700, 301), (3,), (1000, 1200)])) for value in values]
    same_for_any_thread_count(of_tensors(kind, global_clipnorm=2.0, loss_scale=2.0), *tensors)


def test_adam_formula(rng):
    (w,), (g,), (m,), (v,) = as_float32(draw("adam", rng, [(7,)]))
    got = ops.adam_update([w], [g], [m], [v], learning_rate=0.1, step=4, weight_decay=0.2, epsilon=1e-3)
    w, g, m, v = (np.array(value, "float64") for value in (w, g, m, v))
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    alpha = 0.1 * np.sqrt(1 - 0.999**4) / (1 - 0.9**4)
    np.testing.assert_allclose(got.momentums[0], m, rtol=1e-6)
    np.testing.assert_allclose(got.velocities[0], v, rtol=1e-6)
    np.testing.assert_allclose(got.parameters[0], w * (1 - 0.2 * 0.1) - alpha * m / (np.sqrt(v) + 1e-3), rtol=1e-5)


def test_lamb_trust_ratio(rng):
    """The norm of each step is the learning rate times the norm of the parameters. The ratio is 1 if one is zero."""
    lists = as_float32(draw("lamb", rng, [(40_000,), (3, 5)]))
    new = ops.lamb_update(*lists, learning_rate=0.1, step=1).parameters
    for before, after in zip(lists[0], new, strict=True):
        np.testing.assert_allclose(tf.norm(after - before), 0.1 * tf.norm(before), rtol=1e-4)
    zero, one = tf.zeros(3), tf.ones(3)
    (new,) = ops.lamb_update([zero], [one], [zero], [zero], learning_rate=0.1, step=1).parameters
    np.testing.assert_allclose(new, -0.1 * one, rtol=1e-5)
    (new,) = ops.lamb_update([one], [zero], [zero], [zero], learning_rate=0.1, step=1).parameters
    np.testing.assert_array_equal(new, one)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", LISTS)
def test_non_finite_gradients(kind, bad, choice, rng):
    lists = as_float32(draw(kind, rng, [(4,), (2, 3)]))
    lists[1][1] = tf.tensor_scatter_nd_update(lists[1][1], [[1, 2]], [bad])
    with ops.use(choice):
        skipped = update(kind, lists, loss_scale=4.0)
        assert not skipped.finite
        for one, other in zip(tf.nest.flatten(skipped[:-1]), tf.nest.flatten([lists[0], *lists[2:]]), strict=True):
            np.testing.assert_array_equal(one, other)
        shown = update(kind, lists, global_clipnorm=1.0)
        assert shown.finite
        assert np.isnan(np.array(shown.parameters[0])).all()  # as in Keras
        assert update(kind, as_float32(draw(kind, rng)), loss_scale=4.0).finite


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_clipping_without_overflow_or_underflow(choice):
    for size in (1e-25, 1e30):
        with ops.use(choice):
            update = ops.sgd_update([tf.zeros(4)], [tf.fill([4], size)], learning_rate=1.0, global_clipnorm=size)
        (new,) = update.parameters
        np.testing.assert_allclose(new, tf.fill([4], -size / 2), rtol=1e-6)


@pytest.mark.parametrize("kind", LISTS)
def test_inputs_are_unchanged(kind, rng):
    lists = as_float32(draw(kind, rng))
    before = [np.array(value) for values in lists for value in values]
    update(kind, lists, weight_decay=0.1)
    for one, other in zip(before, tf.nest.flatten(lists), strict=True):
        np.testing.assert_array_equal(one, other)


def test_schedules_need_no_retracing():
    @tf.function
    def step(rate, count):
        return ops.adam_update(
            [tf.ones(2)], [tf.ones(2)], [tf.zeros(2)], [tf.zeros(2)], learning_rate=rate, step=count
        ).parameters[0]

    for count in (1, 2):
        direction = 0.1 / (1 - 0.9**count) / np.sqrt(0.001 / (1 - 0.999**count))
        result = step(tf.constant(0.1 * count), tf.constant(count))
        np.testing.assert_allclose(result, np.full(2, 1 - 0.1 * count * direction), rtol=1e-4)
    assert step.experimental_get_tracing_count() == 1


def test_no_tensors():
    assert ops.adam_update([], [], [], [], learning_rate=0.1, step=1).parameters == []
    assert ops.sgd_update([], [], learning_rate=0.1, loss_scale=2.0).finite


def test_hypergradients(rng):
    """Hypergradients, the derivatives of the new values with respect to the learning rate."""
    (w,), (g,) = as_float32(draw("sgd", rng, [(5,)]))
    rate = tf.Variable(0.1)
    with tf.GradientTape() as tape:
        (new,) = ops.sgd_update([w], [g], learning_rate=rate).parameters
        total = tf.reduce_sum(new)
    np.testing.assert_allclose(tape.gradient(total, rate), -tf.reduce_sum(g), rtol=1e-5)


def test_other_dtypes_use_reference(rng):
    for dtype in ("float16", "bfloat16", "float64"):
        lists = [[tf.constant(value, dtype) for value in values] for values in draw("adam", rng)]
        new = update("adam", lists)
        assert {value.dtype for value in new.parameters} == {tf.as_dtype(dtype)}


ONE = np.ones(2, "float32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gradients": []}, "have length 1, with one tensor for each parameter"),
        ({"gradients": [np.ones(3, "float32")]}, "have dtype float32 and shape (2,) to match the parameter"),
        ({"gradients": [np.ones(2, "float64")]}, "have dtype float32 and shape (2,) to match the parameter"),
        ({"parameters": [np.ones(2, "int32")]}, "have the same floating-point dtype as the other tensors"),
        ({"weight_decay": [0.1, 0.2]}, "have shape () or (1,), with one value for each parameter"),
        ({"learning_rate": [0.1]}, "a scalar with shape ()"),
        ({"global_clipnorm": 0.0}, "a positive number or None"),
        ({"loss_scale": -1.0}, "a positive number or None"),
        ({"beta_1": 1.0}, "a number in [0, 1)"),
    ],
)
@pytest.mark.parametrize("function", [ops.adam_update, ops.lamb_update, ops.sgd_update])
def test_bad_arguments(function, arguments, message):
    mine = {"parameters": [ONE], "gradients": [ONE], "learning_rate": 0.1}
    if function is not ops.sgd_update:
        mine |= {"momentums": [ONE], "velocities": [ONE], "step": 1}
    elif "beta_1" in arguments:
        pytest.skip("no such argument")
    with pytest.raises(ValueError, match=" must (be|have) .*, got ") as error:
        function(**{**mine, **arguments})
    assert message in str(error.value)


shapes = st.lists(st.integers(0, 4), max_size=3)


def draw_tensors(data, count):
    dtype = data.draw(st.sampled_from(["float32", "float32", "float32", "float64"]))
    return [tf.ones(data.draw(shapes), dtype) for _ in range(count)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    kernels = ops.library().ops
    numbers = {
        name: tf.constant(data.draw(st.sampled_from([0.1, 0.0, -1.0, np.nan, np.inf, [1.0]])), tf.float64)
        for name in (
            "learning_rate",
            "global_clipnorm",
            "loss_scale",
            "step",
            "beta_1",
            "beta_2",
            "epsilon",
            "momentum",
        )
    }
    numbers["weight_decay"] = tf.zeros(data.draw(shapes), tf.float64)
    lists = {
        name: draw_tensors(data, data.draw(st.integers(0, 2)))
        for name in ("parameters", "gradients", "momentums", "velocities")
    }
    if data.draw(st.booleans()):  # matching lists, to test invalid scalars
        lists = dict.fromkeys(lists, draw_tensors(data, 2))
        numbers["weight_decay"] = tf.zeros(2, tf.float64)
    common = ("weight_decay", "learning_rate", "global_clipnorm", "loss_scale")
    for kernel, count, own, more in (
        (kernels.tensorsmith_adam_update, 4, ("step", "beta_1", "beta_2", "epsilon"), {}),
        (kernels.tensorsmith_lamb_update, 4, ("step", "beta_1", "beta_2", "epsilon"), {}),
        (kernels.tensorsmith_momentum_update, 3, ("momentum",), {"nesterov": True}),
        (kernels.tensorsmith_sgd_update, 2, (), {}),
    ):
        fails_cleanly(
            kernel,
            **dict(list(lists.items())[:count]),
            **{name: numbers[name] for name in (*common, *own)},
            checked=data.draw(st.booleans()),
            **more,
        )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("step", 0, "a number >= 1"),
        ("beta_1", np.float32(1), "a number in [0, 1)"),
        ("epsilon", -5, "a non-negative number"),
    ],
)
def test_numbers_out_of_range(name, value, expected):
    w = [tf.ones(2)]
    with raises_argument_error(name, expected=expected):
        ops.adam_update(w, w, w, w, **{"learning_rate": 0.1, "step": 1, name: value})
