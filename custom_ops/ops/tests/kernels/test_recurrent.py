"""Tests of recurrent ops against NumPy loops, Keras, reference implementations, float64, and invalid input."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def norm(x, epsilon=0.01):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


def lstm_step(x, fed, h, c, w, u, b, peephole=(0, 0, 0)):
    i, f, g, o = np.split(x @ w + fed @ u + b, 4, axis=1)
    c = sigmoid(f + peephole[1] * c) * c + sigmoid(i + peephole[0] * c) * np.tanh(g)
    return sigmoid(o + peephole[2] * c) * np.tanh(c), c


def layer_norm_lstm_step(x, fed, h, c, w, u, b, kernel_scale, recurrent_scale, state_scale, state_offset):
    sums = norm(x @ w) * kernel_scale + norm(fed @ u) * recurrent_scale + b
    i, f, g, o = np.split(sums, 4, axis=1)
    c = norm(sigmoid(f) * c + sigmoid(i) * np.tanh(g)) * state_scale + state_offset
    return sigmoid(o) * np.tanh(c), c


def gru_after_step(x, fed, h, w, u, b):
    (xz, xr, xn), (hz, hr, hn) = np.split(x @ w + b[0], 3, axis=1), np.split(fed @ u + b[1], 3, axis=1)
    z = sigmoid(xz + hz)
    return (z * h + (1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn),)


def gru_before_step(x, fed, h, w, u, b):
    (xz, xr, xn), (uz, ur, un) = np.split(x @ w + b, 3, axis=1), np.split(u, 3, axis=1)
    z, r = sigmoid(xz + fed @ uz), sigmoid(xr + fed @ ur)
    return (z * h + (1 - z) * np.tanh(xn + (r * fed) @ un),)


def simple_step(x, fed, h, w, u, b):
    return (np.tanh(x @ w + fed @ u + b),)


def normalized_step(x, fed, h, w, u, b, scale):
    return (np.tanh(norm(x @ w + fed @ u) * scale + b),)


@dataclass(frozen=True)
class Kind:
    """A recurrent op with options, a NumPy implementation of a step, and the shapes of the weights in units."""

    op: Callable
    step: Callable
    gates: int
    states: int
    bias: tuple
    more: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)

    def shapes(self, features, units):
        wide = self.gates * units
        extra = [self.bias, *self.more.values()]
        return [(features, wide), (units, wide), *((*rows, last * units) for *rows, last in extra)]

    def draw(self, rng, batch, steps, features, units, initial=True):
        """Returns random sequences, weights and initial states."""
        weights = [rng.normal(size=shape) / (1 + np.sqrt(units)) for shape in self.shapes(features, units)]
        states = [rng.normal(size=(batch, units)) for _ in range(self.states * initial)]
        return [rng.normal(size=(batch, steps, features)), *weights, *states]

    def __call__(self, x, *tensors, dropout=None, **arguments):
        count = 3 + len(self.more)
        weights, states = tensors[:count], tensors[count:]
        if states:
            arguments["initial_state"] = states if self.states == 2 else states[0]
        if dropout is not None:
            arguments["recurrent_dropout_mask"] = tf.cast(dropout, tf.convert_to_tensor(x).dtype)
        named = dict(zip(self.more, weights[3:], strict=True))
        return self.op(x, *weights[:3], **named, **self.options, **arguments)


LAYER_NORM = {"kernel_scale": (4,), "recurrent_scale": (4,), "state_scale": (1,), "state_offset": (1,)}
KINDS = {
    "lstm": Kind(ops.lstm, lstm_step, 4, 2, (4,)),
    "peephole": Kind(ops.lstm, lstm_step, 4, 2, (4,), {"peephole": (3, 1)}),
    "gru": Kind(ops.gru, gru_after_step, 3, 1, (2, 3)),
    "gru_before": Kind(ops.gru, gru_before_step, 3, 1, (3,), options={"reset_after": False}),
    "simple": Kind(ops.simple_rnn, simple_step, 1, 1, (1,)),
    "normalized": Kind(ops.simple_rnn, normalized_step, 1, 1, (1,), {"scale": (1,)}, {"epsilon": 0.01}),
    "layer_norm_lstm": Kind(ops.layer_norm_lstm, layer_norm_lstm_step, 4, 2, (4,), LAYER_NORM, {"epsilon": 0.01}),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
FAST = ("gru", "peephole")
marks = {name: () if name in FAST else pytest.mark.slow for name in KINDS}
fast_kinds = pytest.mark.parametrize("kind", [pytest.param(KINDS[name], id=name, marks=marks[name]) for name in KINDS])
SIZES = [(3, 4, 5, 7), (9, 2, 1, 20), (1, 1, 1, 1), (17, 3, 18, 33), (2, 3, 16, 16), (0, 2, 3, 4), (2, 0, 3, 4)]
SIZES += [(2, 3, 0, 4), (2, 3, 4, 0)]


def draw_options(rng, batch, steps, units):
    mask = rng.random((batch, steps)) < 0.6
    mask[:2, :1] = mask[1:3, -1:] = False
    return {"mask": mask, "dropout": (rng.random((batch, units)) < 0.7) / 0.7, "go_backwards": True}


def as_float32(arrays):
    return [tf.constant(array, tf.float32) for array in arrays]


@every_kind
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_kernel(kind, sizes, agree, rng):
    agree(kind, *kind.draw(rng, *sizes, initial=False))


@every_kind
@pytest.mark.parametrize("sizes", [(3, 4, 5, 7), (11, 3, 2, 16), (2, 2, 4, 49)], ids=str)
def test_kernel_with_all_options(kind, sizes, agree, rng):
    batch, steps, _, units = sizes
    options = draw_options(rng, batch, steps, units)
    agree(lambda *tensors: kind(*tensors, **options), *kind.draw(rng, *sizes))


@fast_kinds
@pytest.mark.parametrize("initial", [False, True])
def test_many_steps_in_chunks(kind, initial, rng):
    """More steps than one chunk. The reference implementation runs in a graph, because its eager loop is slow."""
    tensors = as_float32(kind.draw(rng, 9, 300, 3, 20, initial=initial))
    mask = rng.random((9, 300)) < 0.8

    @tf.function
    def gradients(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = kind(*tensors, mask=mask)
            squares = [output**2 for output in outputs]
        return outputs, tape.gradient(squares, tensors)

    ours = gradients(*tensors)
    with ops.use("reference"):
        exact = tf.function(gradients.python_function)(*(tf.cast(tensor, tf.float64) for tensor in tensors))
    for one, other in zip(tf.nest.flatten(ours), tf.nest.flatten(exact), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * max(1, np.abs(other).max()))


@every_kind
@pytest.mark.parametrize("options", [False, True])
def test_formula(kind, options, rng):
    """The op is equal to a loop over the steps in NumPy."""
    x, *rest = kind.draw(rng, 6, 5, 3, 10)
    given_options = draw_options(rng, 6, 5, 10) if options else {}
    weights, states = rest[: -kind.states], rest[-kind.states :]
    shown, wanted = np.zeros((6, 10)), []
    for t in reversed(range(5)) if options else range(5):
        fed = states[0] * given_options["dropout"] if options else states[0]
        after = kind.step(x[:, t], fed, *states, *weights)
        seen = given_options["mask"][:, t, np.newaxis] if options else True
        states = [np.where(seen, new, old) for new, old in zip(after, states, strict=True)]
        shown = np.where(seen, after[0], shown)
        wanted.append(shown)
    outputs, *final = kind(*as_float32([x, *rest]), **given_options)
    np.testing.assert_allclose(outputs, np.stack(wanted, axis=1), atol=1e-5)
    for one, other in zip(final, states, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


LAYERS = {
    "lstm": (keras.layers.LSTM, {}),
    "gru": (keras.layers.GRU, {}),
    "gru_before": (keras.layers.GRU, {"reset_after": False}),
    "simple": (keras.layers.SimpleRNN, {}),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_matches_keras(name, backwards, masked, rng):
    kind, (layer_class, options) = KINDS[name], LAYERS[name]
    layer = layer_class(12, return_sequences=True, return_state=True, go_backwards=backwards, **options)
    layer.build((4, 6, 3))
    tensors = as_float32(kind.draw(rng, 4, 6, 3, 12))
    mask = tf.constant(rng.random((4, 6)) < 0.6) if masked else None

    def theirs(x, *rest):
        fixed = [variable.value for variable in layer.non_trainable_variables]
        return layer.stateless_call(rest[:3], fixed, x, initial_state=list(rest[3:]), mask=mask)[0]

    results = []
    for function in (lambda *values: kind(*values, mask=mask, go_backwards=backwards), theirs):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = function(*tensors)
            loss = sum(tf.reduce_sum(tf.sin(3 * output)) for output in outputs)
        results.append([*outputs, *tape.gradient(loss, tensors)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


@every_kind
def test_padding_is_ignored(kind, rng):
    """Padding on either side has no effect, whatever its values."""
    x, *rest = as_float32(kind.draw(rng, 3, 4, 5, 6))
    outputs, *states = kind(x, *rest)
    padded = tf.pad(x, [[0, 0], [2, 3], [0, 0]], constant_values=9.0)
    mask = tf.constant([[False] * 2 + [True] * 4 + [False] * 3] * 3)
    longer, *same_states = kind(padded, *rest, mask=mask)
    np.testing.assert_array_equal(longer[:, :2], np.zeros((3, 2, 6)))
    np.testing.assert_array_equal(longer[:, 2:6], outputs)
    np.testing.assert_array_equal(longer[:, 6:], np.repeat(states[0][:, np.newaxis], 3, axis=1))
    for one, other in zip(states, same_states, strict=True):
        np.testing.assert_array_equal(one, other)


@every_kind
def test_batch_matches_single_sequences(kind, rng):
    x, *weights = as_float32(kind.draw(rng, 37, 4, 3, 18, initial=False))
    together = kind(x, *weights)[0]
    for b in (0, 7, 8, 36):
        np.testing.assert_allclose(kind(x[b : b + 1], *weights)[0][0], together[b], atol=1e-6)


@every_kind
def test_go_backwards(kind, rng):
    x, *rest = as_float32(kind.draw(rng, 3, 5, 2, 4))
    backwards, reverse = kind(x, *rest, go_backwards=True), kind(tf.reverse(x, [1]), *rest)
    for one, other in zip(backwards, reverse, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@every_kind
def test_defaults(kind, rng):
    """Omitted weights and initial states are zeros, and omitted scales are ones."""
    tensors = as_float32(kind.draw(rng, 3, 4, 2, 5))
    x, w, u, *_ = tensors
    ones = [tf.fill(tensor.shape, float("scale" in name)) for name, tensor in zip(kind.more, tensors[4:], strict=False)]
    full = kind(x, w, u, tf.zeros_like(tensors[3]), *ones, *(tf.zeros((3, 5)) for _ in range(kind.states)))
    given_names = {"scale": ones[0]} if "scale" in kind.more else {}
    for one, other in zip(full, kind.op(x, w, u, **given_names, **kind.options), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


@every_kind
def test_independent_of_thread_count(kind, same_for_any_thread_count, rng):
    options = draw_options(rng, 45, 20, 21)
    inputs = as_float32(kind.draw(rng, 45, 20, 5, 21))
    same_for_any_thread_count(kind, *inputs)
    same_for_any_thread_count(lambda *tensors: kind(*tensors, **options), *inputs)


@every_kind
def test_second_gradients(kind, rng):
    tensors = as_float32(kind.draw(rng, 2, 3, 2, 3))
    options = draw_options(rng, 2, 3, 3)

    def penalty_gradients():
        with tf.GradientTape() as outer:
            outer.watch(tensors)
            with tf.GradientTape() as inner:
                inner.watch(tensors)
                loss = sum(tf.reduce_sum(output**2) for output in kind(*tensors, **options))
            penalty = sum(tf.reduce_sum(gradient**2) for gradient in inner.gradient(loss, tensors))
        return outer.gradient(penalty, tensors)

    ours = penalty_gradients()
    with ops.use("reference"):
        reference = penalty_gradients()
    for one, other in zip(ours, reference, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@fast_kinds
def test_training_matches_reference(kind, rng):
    """Ten steps of gradient descent towards the mean of the inputs."""
    x, *start = as_float32(kind.draw(rng, 16, 6, 3, 8, initial=False))
    wanted = tf.reduce_mean(x, axis=[1, 2])

    def losses():
        weights, history = start, []

        @tf.function
        def step(weights):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                loss = tf.reduce_mean((tf.reduce_sum(kind(x, *weights)[1], axis=1) - wanted) ** 2)
            return loss, [w - 0.05 * g for w, g in zip(weights, tape.gradient(loss, weights), strict=True)]

        for _ in range(10):
            loss, weights = step(weights)
            history.append(float(loss))
        return history

    ours = losses()
    with ops.use("reference"):
        reference = losses()
    assert ours[-1] < 0.9 * ours[0]
    np.testing.assert_allclose(ours, reference, rtol=1e-4)


@fast_kinds
def test_unknown_shapes(kind, rng):
    tensors = as_float32(kind.draw(rng, 3, 4, 2, 5))
    mask = tf.constant(rng.random((3, 4)) < 0.7)
    ranks = [tf.TensorSpec([None] * tensor.shape.rank) for tensor in tensors]

    @tf.function(input_signature=[*ranks, tf.TensorSpec([None, None], tf.bool)])
    def partly(*arguments):
        *values, mask = arguments
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = kind(*values, mask=mask)
        gradients = tape.gradient(outputs, values)
        assert [output.shape.rank for output in outputs] == [3] + [2] * kind.states
        assert all(one.shape.rank == other.shape.rank for one, other in zip(gradients, values, strict=True))
        return outputs, gradients

    @tf.function(input_signature=[tf.TensorSpec(None)] * len(tensors))
    def not_at_all(*values):
        return kind(*values)

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        wanted = kind(*tensors, mask=mask)
    wanted = [*wanted, *tape.gradient(wanted, tensors)]
    for one, other in zip(tf.nest.flatten(partly(*tensors, mask)), wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    with ops.use("reference"):
        reference = tf.function(partly.python_function, input_signature=partly.input_signature)(*tensors, mask)
        signature = not_at_all.input_signature
        unknown = tf.function(not_at_all.python_function, input_signature=signature)(*tensors)
    np.testing.assert_allclose(unknown[0], kind(*tensors)[0], atol=1e-5)
    for one, other in zip(tf.nest.flatten(reference), wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_array_equal(not_at_all(*tensors)[0], kind(*tensors)[0])


def test_static_shapes():
    @tf.function(input_signature=[tf.TensorSpec([None, 7, 3])])
    def partly(x):
        outputs, h, c = ops.lstm(x, tf.ones((3, 20)), tf.ones((5, 20)))
        assert outputs.shape.as_list() == [None, 7, 5]
        assert h.shape.as_list() == c.shape.as_list() == [None, 5]
        (dx,) = tf.gradients(outputs, [x])
        assert dx.shape.as_list() == [None, 7, 3]
        return dx

    assert partly(tf.ones((2, 7, 3))).shape == (2, 7, 3)


@fast_kinds
def test_xla_uses_reference(kind, rng):
    tensors = as_float32(kind.draw(rng, 2, 3, 4, 5))

    def gradients(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = kind(*tensors)
        return [*outputs, *tape.gradient(outputs, tensors)]

    for one, other in zip(tf.function(gradients, jit_compile=True)(*tensors), gradients(*tensors), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@every_kind
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-6), ("float16", 2e-2), ("bfloat16", 2e-1)])
def test_other_dtypes(kind, dtype, tolerance, rng):
    tensors = as_float32(kind.draw(rng, 2, 3, 4, 5))
    for one, other in zip(kind(*(tf.cast(tensor, dtype) for tensor in tensors)), kind(*tensors), strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(tf.cast(one, "float32"), other, atol=tolerance)


def test_dropout_mask_has_no_gradient():
    dropout = tf.ones((2, 4))
    for choice in ("compiled", "reference"):
        with ops.use(choice), tf.GradientTape() as tape:
            tape.watch(dropout)
            outputs, _ = ops.simple_rnn(
                tf.ones((2, 3, 1)), tf.ones((1, 4)), tf.ones((4, 4)), recurrent_dropout_mask=dropout
            )
        assert tape.gradient(outputs, dropout) is None


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({"x": np.ones((2, 3), "float32")}, "x", "shape (batch, steps, features"),
        ({"x": np.ones((2, 3, 4), "int32")}, "x", "floating-point"),
        ({"kernel": np.ones((5, 20))}, "kernel", "shape (4, 20"),
        ({"recurrent_kernel": np.ones((5, 15))}, "recurrent_kernel", "shape (5, 20"),
        ({"bias": np.ones(5)}, "bias", "shape (20,"),
        ({"peephole": np.ones((2, 5))}, "peephole", "shape (3, 5"),
        ({"initial_state": [np.ones((2, 5)), np.ones((3, 5))]}, "initial_state", "shape (2, 5"),
        ({"initial_state": [np.ones((2, 5))]}, "initial_state", "h and c"),
        ({"mask": np.ones((2, 4), bool)}, "mask", "shape (2, 3"),
        ({"recurrent_dropout_mask": np.ones(5)}, "recurrent_dropout_mask", "shape (2, 5"),
    ],
)
def test_bad_arguments(changes, name, message):
    arguments = {"x": np.ones((2, 3, 4), "float32"), "kernel": np.ones((4, 20)), "recurrent_kernel": np.ones((5, 20))}
    ops.lstm(**arguments)
    with raises_argument_error(name, expected=message):
        ops.lstm(**{**arguments, **changes})


@pytest.mark.parametrize("op", [ops.simple_rnn, ops.layer_norm_lstm])
def test_negative_epsilon(op):
    with raises_argument_error("epsilon", received="-1"):
        op(tf.ones((1, 1, 1)), tf.ones((1, 1)), tf.ones((1, 1)), epsilon=-1)


sizes = st.lists(st.integers(0, 3), max_size=4)
OPS = {"lstm": (4, 2), "gru": (3, 1), "simple_rnn": (1, 1), "layer_norm_lstm": (4, 2)}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    """Inputs whose shapes match except for some arguments."""
    name = data.draw(st.sampled_from(sorted(OPS)))
    gates, states = OPS[name]
    batch, steps, features, units = data.draw(st.tuples(*[st.integers(0, 2)] * 4))

    def tensor(*shape):
        spoilt = data.draw(st.integers(0, 15)) == 0
        return tf.ones(data.draw(sizes) if spoilt else shape)

    more = [(gates * units,)] * 3 + [(units,)] * 2 if name == "layer_norm_lstm" else [(gates * units,), (3, units)]
    count = data.draw(st.integers(0, len(more)))
    shapes = [(features, gates * units), (units, gates * units), *more[:count]]
    inputs = {
        "x": tensor(batch, steps, features),
        "weights": [tensor(*shape) for shape in shapes[: data.draw(st.integers(0, 7))]],
        "initial": [tensor(batch, units) for _ in range(data.draw(st.sampled_from([0, 0, states, states, 1, 3])))],
        "mask": tf.cast(data.draw(st.sampled_from([tf.ones([0]), tensor(batch, steps)])), tf.bool),
        "dropout": data.draw(st.sampled_from([tf.ones([0]), tensor(batch, units)])),
        "go_backwards": data.draw(st.booleans()),
    }
    if name == "gru":
        inputs["reset_after"] = data.draw(st.booleans())
    elif name != "lstm":
        inputs["epsilon"] = 0.1
    library = ops.library().ops
    fails_cleanly(getattr(library, f"tensorsmith_{name}"), **inputs)
    size = data.draw(st.integers(0, 2000))
    upstream = {
        "doutputs": tensor(batch, steps, units),
        "dstates": [tensor(batch, units) for _ in range(data.draw(st.sampled_from([states, states, 0, 1, 2])))],
        "outputs": tensor(batch, steps, units),
        "saved": tensor(size),
    }
    fails_cleanly(getattr(library, f"tensorsmith_{name}_grad"), **upstream, **inputs)


@every_kind
def test_gradient_of_hostile_input(kind, fails_cleanly, rng):
    """Inputs of the gradient op that do not match the forward pass."""
    tensors = as_float32(kind.draw(rng, 2, 3, 4, 5))
    name = kind.op.__name__
    library = ops.library().ops
    count = 3 + len(kind.more)
    inputs = {
        "x": tensors[0],
        "weights": tensors[1 : 1 + count],
        "initial": tensors[1 + count :],
        "mask": tf.ones((2, 3), tf.bool),
        "dropout": tf.ones((2, 5)),
        "go_backwards": False,
        **kind.options,
    }
    if kind.op is ops.gru:
        inputs.setdefault("reset_after", True)
    elif kind.op is ops.simple_rnn:
        inputs.setdefault("epsilon", 0.01)
    outputs, *states, saved = getattr(library, f"tensorsmith_{name}")(**inputs)
    inputs |= {"doutputs": outputs, "dstates": states, "outputs": outputs, "saved": saved}
    gradient = getattr(library, f"tensorsmith_{name}_grad")
    assert fails_cleanly(gradient, **inputs)
    for argument in ("x", "doutputs", "outputs", "saved", "mask", "dropout"):
        assert not fails_cleanly(gradient, **{**inputs, argument: inputs[argument][:-1]})
    for argument, others in (("weights", tensors[1:3]), ("initial", states * 2), ("dstates", [])):
        assert not fails_cleanly(gradient, **{**inputs, argument: others})
        for i in range(len(inputs[argument])):
            spoilt = [tensor[:-1] if i == j else tensor for j, tensor in enumerate(inputs[argument])]
            assert not fails_cleanly(gradient, **{**inputs, argument: spoilt})
