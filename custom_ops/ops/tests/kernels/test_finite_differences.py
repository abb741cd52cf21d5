"""Tests of the compiled gradients against finite differences of the compiled outputs."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops

pytestmark = pytest.mark.pairwise

STEP = 0.004
STEPS, FEATURES, UNITS = 9, 5, 19
TAGS = np.array([[0, 2, 1, 3, 3, 0], [4, 4, 1, 0, 2, 2]])
SEEN = np.arange(STEPS) < np.array([[STEPS], [4], [7]])


def recurrent(op, gates, *more, **options):
    """Returns a case: the op as a function of x, kernels, bias, further weights and states, and the shapes of these."""
    states = 1 if op in (ops.gru, ops.simple_rnn) else 2
    bias = (2, gates * UNITS) if options.get("reset_after") else (gates * UNITS,)
    names, sizes = zip(*more, strict=True) if more else ((), ())
    shapes = [(3, STEPS, FEATURES), (FEATURES, gates * UNITS), (UNITS, gates * UNITS), bias, *sizes]

    def function(x, kernel, recurrent_kernel, bias, *rest):
        weights = dict(zip(names, rest[: len(names)], strict=True))
        initial = rest[-1] if states == 1 else rest[-2:]
        return op(x, kernel, recurrent_kernel, bias, initial_state=initial, mask=SEEN, **weights, **options)

    return function, [*shapes, *[(3, UNITS)] * states]


WIDE = 4 * UNITS
ROWS = {
    "additive_scores": (ops.additive_scores, [(3, 4, 37), (3, 5, 37), (37,)]),
    "layer_norm": (ops.layer_norm, [(4, 37), (37,), (37,)]),
    "rms_norm": (ops.rms_norm, [(4, 37), (37,)]),
    "attention": (lambda q, k, v: ops.attention(q, k, v, causal=True), [(2, 21, 4, 8), (2, 21, 2, 8), (2, 21, 2, 8)]),
    "crf": (lambda u, a: ops.crf_log_likelihood(u, TAGS, a, lengths=[6, 4]), [(2, 6, 5), (5, 5)]),
    "depthwise_max_pool": (lambda x: ops.depthwise_max_pool(x, 3, stride=2), [(5, 11)]),
    "global_norm": (lambda *tensors: ops.global_norm(tensors), [(3, 5), (17,)]),
    "projection_loss": (
        lambda x, w, b: ops.softmax_cross_entropy_with_projection(x, w, [0, 6, 40, 3], bias=b, label_smoothing=0.1),
        [(4, 7), (7, 41), (41,)],
    ),
    "softmax_cross_entropy": (
        lambda z: ops.softmax_cross_entropy(z, [0, 40, 3, 3], label_smoothing=0.1, ignored_index=40),
        [(4, 41)],
    ),
    "lstm": recurrent(ops.lstm, 4),
    "lstm with peepholes": recurrent(ops.lstm, 4, ("peephole", (3, UNITS))),
    "gru": recurrent(ops.gru, 3, reset_after=True),
    "gru, reset before": recurrent(ops.gru, 3, reset_after=False),
    "simple_rnn": recurrent(ops.simple_rnn, 1, go_backwards=True),
    "simple_rnn, normalized": recurrent(ops.simple_rnn, 1, ("scale", (UNITS,))),
    "layer_norm_lstm": recurrent(
        ops.layer_norm_lstm,
        4,
        ("kernel_scale", (WIDE,)),
        ("recurrent_scale", (WIDE,)),
        ("state_scale", (UNITS,)),
        ("state_offset", (UNITS,)),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_finite_differences(name, rng):
    function, shapes = ROWS[name]
    inputs = [0.3 * rng.normal(size=shape) for shape in shapes]
    weights = None

    def value(tensors):
        nonlocal weights
        outputs = [np.float64(output) for output in tf.nest.flatten(function(*tensors))]
        weights = weights or [rng.normal(size=output.shape) for output in outputs]
        return sum((weight * output).sum() for weight, output in zip(weights, outputs, strict=True))

    at = [tf.constant(array, tf.float32) for array in inputs]
    value(at)
    with tf.GradientTape() as tape:
        tape.watch(at)
        outputs = tf.nest.flatten(function(*at))
    upstream = [tf.constant(weight, tf.float32) for weight in weights]
    gradients = tape.gradient(outputs, at, output_gradients=upstream)
    for i, gradient in enumerate(np.float64(gradient) for gradient in gradients):
        for direction in (gradient, rng.normal(size=gradient.shape)):
            direction = direction * (STEP / np.linalg.norm(direction))
            ahead, behind = list(at), list(at)
            ahead[i] = tf.constant(inputs[i] + direction, tf.float32)
            behind[i] = tf.constant(inputs[i] - direction, tf.float32)
            slope = (value(ahead) - value(behind)) / (2 * STEP)
            expected = (gradient * direction).sum() / STEP
            atol = 2e-4 * np.linalg.norm(gradient) + 5e-4
            np.testing.assert_allclose(slope, expected, rtol=2e-3, atol=atol, err_msg=f"input {i}")


@pytest.mark.parametrize("units", [5, 16])
def test_infinite_inputs(units, rng):
    """Saturated gates and their gradients are finite, with and without padding of the units."""
    x = rng.normal(size=(2, 3, 4)).astype("float32")
    x[0, 1, 2] = np.inf
    kernel = np.abs(rng.normal(size=(4, 4 * units))).astype("float32")
    recurrent_kernel = tf.constant(rng.normal(size=(units, 4 * units)), tf.float32)
    found = []
    for choice in ("compiled", "reference"):
        with ops.use(choice), tf.GradientTape() as tape:
            tape.watch(recurrent_kernel)
            outputs = ops.lstm(x, kernel, recurrent_kernel)[0]
        found.append(tape.gradient(outputs, recurrent_kernel).numpy())
    assert np.isfinite(found[1]).all()
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)
