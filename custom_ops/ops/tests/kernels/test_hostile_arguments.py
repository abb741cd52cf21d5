"""Kernels and reference implementations agree on hostile arguments: same result or same error, in bounded memory."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops

F32, F64, I32 = tf.float32, tf.float64, tf.int32
CHOICES = ("compiled", "reference")


def unknown(function, *arguments):
    """Calls a function in a graph that was traced with unknown shapes."""
    tensors = [tf.constant(value, dtype) for value, dtype in arguments]
    specs = [tf.TensorSpec(None, tensor.dtype) for tensor in tensors]
    return tf.function(function, input_signature=specs)(*tensors)


def sgd(w, g, m):
    return ops.sgd_update([w], [g], [m], learning_rate=0.1, momentum=0.9).parameters


def adam(w, g, m, v):
    return ops.adam_update([w], [g], [m], [v], learning_rate=0.1, step=1).parameters


MISMATCHED = {
    "layer_norm scale": (ops.layer_norm, (np.ones((2, 3)), F32), (np.ones(1), F32), (np.ones(3), F32)),
    "layer_norm offset": (ops.layer_norm, (np.ones((2, 3)), F32), (np.ones(3), F32), (np.ones((2, 3)), F32)),
    "rms_norm scale": (ops.rms_norm, (np.ones((2, 3)), F32), (np.ones(1), F32)),
    "layer_norm residual": (
        lambda x, residual: ops.layer_norm(x, residual=residual),
        (np.ones((2, 3)), F32),
        (np.ones((1, 3)), F32),
    ),
    "sgd gradient": (sgd, (np.ones(3), F32), (np.ones(1), F32), (np.ones(3), F32)),
    "sgd momentum": (sgd, (np.ones(3), F32), (np.ones(3), F32), (np.ones(()), F32)),
    "adam second moment": (adam, (np.ones(3), F32), (np.ones(3), F32), (np.ones(3), F32), (np.ones(1), F32)),
    "pair_counts weights": (ops.pair_counts, (np.ones(3), F64), (np.ones(3), F64), (np.ones(4), F64)),
    "pair_counts y": (ops.pair_counts, (np.ones(3), F64), (np.ones(4), F64), (np.ones(3), F64)),
    "non_max_suppression scores": (ops.non_max_suppression, (np.ones((3, 4)), F32), (np.ones(4), F32)),
    "non_max_suppression classes": (
        ops.non_max_suppression,
        (np.ones((3, 4)), F32),
        (np.ones(3), F32),
        (np.ones(1), I32),
    ),
}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("case", MISMATCHED)
def test_mismatched_shapes_are_refused(case, choice):
    """Broadcasting would return a wrong result without an error."""
    function, *arguments = MISMATCHED[case]
    with ops.use(choice), pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        unknown(function, *arguments)


@pytest.mark.parametrize("choice", CHOICES)
def test_matching_unknown_shapes(choice):
    with ops.use(choice):
        y = unknown(ops.layer_norm, ([[1.0, 2.0, 3.0]], F32), ([1.0, 1.0, 2.0], F32), ([0.0, 1.0, 0.0], F32))
        (w,) = unknown(sgd, ([1.0, 2.0], F32), ([0.5, -0.5], F32), ([0.1, 0.1], F32))
    np.testing.assert_allclose(y, [[-1.2238, 1.0, 2.4476]], rtol=1e-3)
    np.testing.assert_allclose(w, [1.04, 2.14], rtol=1e-6)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_pooling_window(padding, dtype):
    """The window is limited to the channels. 2**31 indices would need gigabytes."""
    x = np.arange(10.0).reshape(2, 5)
    expected = np.repeat(x[:, -1:], 2, axis=1) if padding == "same" else np.zeros((2, 0))
    for choice in CHOICES:
        with ops.use(choice):
            y = unknown(lambda x: ops.depthwise_max_pool(x, 2**31 - 1, 3, padding), (x, dtype))
        np.testing.assert_array_equal(y, expected)


def test_many_displacements(rng):
    """The reference implementation uses a loop, as tracing 81 steps with gradients takes long."""
    a, b = (tf.constant(rng.normal(size=(1, 3, 4, 2)), tf.float32) for _ in "ab")
    results = []
    for choice in CHOICES:
        with ops.use(choice), tf.GradientTape() as tape:
            tape.watch((a, b))
            y = ops.correlation_cost(a, b, 1, 40, 1, 1, 40)
            loss = tf.reduce_sum(y**2)
        results.append((y, *tape.gradient(loss, (a, b))))
    for compiled, reference in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, reference, rtol=1e-5, atol=1e-6)
    for size in (10**5, 2**62):
        with pytest.raises(ValueError, match="max_displacement"):
            ops.correlation_cost(a, b, 1, size, 1, 1, size)


@pytest.mark.parametrize("choice", CHOICES)
def test_ops_without_gradients(choice, rng):
    unaries = tf.constant(rng.normal(size=(2, 3, 4)), tf.float32)
    boxes, scores = tf.constant([[0.0, 0, 4, 4], [6, 6, 8, 8]]), tf.constant([0.9, 0.8])
    images, colors = tf.ones((1, 3, 3, 1)), tf.constant([[[1.0, 0.0]]])
    transforms = tf.constant([[1.0, 0, 0, 0, 1, 0, 0, 0]])
    with ops.use(choice), tf.GradientTape(persistent=True) as tape:
        tape.watch((unaries, boxes, scores, images, colors))
        _, best = ops.crf_decode(unaries, tf.zeros((4, 4)))
        selected = ops.non_max_suppression(boxes, scores, soft_nms_sigma=0.5).scores
        augmented = ops.augment_images(images, transforms, colors, (3, 3))
    for y, inputs in ((best, [unaries]), (selected, [boxes, scores]), (augmented, [images, colors])):
        assert tape.gradient(y, inputs) == [None] * len(inputs)


@pytest.mark.parametrize("choice", CHOICES)
def test_scalar_example(choice):
    features = {"x": tf.io.FixedLenFeature([], tf.float32, 0.0)}

    def parse(text):
        return ops.parse_examples(text, features)

    for call in (parse, tf.function(parse)):
        with ops.use(choice), pytest.raises(ValueError, match="serialized must have shape"):
            call(tf.constant(b""))
