"""Tests of box_iou against areas counted in pixels, Keras, and finite differences. It has no compiled kernel."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.ops import box_iou
from tensorsmith.testing import raises_argument_error


def draw(rng, *shape):
    corners = rng.uniform(0, 50, (*shape, 2))
    return np.concatenate([corners, corners + rng.uniform(3, 30, (*shape, 2))], axis=-1)


def test_overlaps_match_counts_of_pixels(rng):
    """Boxes with integer coordinates, so that areas are numbers of pixels."""
    corners = rng.integers(0, 12, (200, 2))
    drawn = np.concatenate([corners, corners + rng.integers(1, 9, (200, 2))], axis=1)
    found = {kind: box_iou(drawn[:100], drawn[100:], kind).numpy() for kind in ("iou", "giou", "diou", "iof")}
    rows, columns = np.indices((24, 24))

    def pixels(box):
        return (columns >= box[0]) & (columns < box[2]) & (rows >= box[1]) & (rows < box[3])

    for number, (one, other) in enumerate(zip(drawn[:100], drawn[100:], strict=True)):
        common, union = (pixels(one) & pixels(other)).sum(), (pixels(one) | pixels(other)).sum()
        around = np.concatenate([np.minimum(one, other)[:2], np.maximum(one, other)[2:]])
        centers = (one[:2] + one[2:]) / 2 - (other[:2] + other[2:]) / 2
        expected = {
            "iou": common / union,
            "giou": common / union - (pixels(around).sum() - union) / pixels(around).sum(),
            "diou": common / union - (centers**2).sum() / ((around[2:] - around[:2]) ** 2).sum(),
            "iof": common / pixels(one).sum(),
        }
        assert {kind: values[number] for kind, values in found.items()} == pytest.approx(expected, abs=1e-6)


def test_all_pairs_match_keras(rng):
    boxes, others = draw(rng, 2, 5), draw(rng, 2, 7)
    expected = keras.utils.bounding_boxes.compute_iou(boxes, others, "xyxy")
    found = box_iou(boxes[:, :, None], others[:, None])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(box_iou(boxes[:, :, None, [1, 0, 3, 2]], others[:, None, :, [1, 0, 3, 2]]), found)


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "iof"])
def test_gradients_match_finite_differences(kind, rng):
    boxes, others = tf.constant(draw(rng, 20)), tf.constant(draw(rng, 20))
    theoretical, numerical = tf.test.compute_gradient(lambda *pair: box_iou(*pair, kind), [boxes, others], 1e-6)
    for one, other in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def test_boxes_without_area():
    empty, inverted, box = [3.0, 3, 3, 5], [4.0, 4, 2, 2], [0.0, 0, 8, 8]
    for kind in ("iou", "iof"):
        pairs = tf.constant([[empty], [inverted]]), tf.constant([empty, box])
        np.testing.assert_array_equal(box_iou(*pairs, kind), np.zeros((2, 2)))
    point = tf.zeros(4)
    for kind in ("iou", "giou", "diou", "iof"):
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = box_iou(point, point, kind)
        assert value == 0
        assert np.isfinite(tape.gradient(value, point)).all()
    small = [0.0, 0, 1e-4, 1e-4]
    assert box_iou(small, small) == 1


def test_dtypes_of_results():
    pixels = tf.constant([0, 0, 1000, 1000], "float16")  # the area overflows float16
    assert box_iou(pixels, pixels / 2).dtype == tf.float32
    assert box_iou(pixels, pixels / 2) == 0.25
    assert box_iou([0, 0, 4, 4], [0, 0, 4, 2]) == 0.5
    assert box_iou(np.zeros(4), tf.zeros(4)).dtype == tf.float64


def test_unknown_shapes_in_a_graph(rng):
    boxes = draw(rng, 3, 5).astype("float32")
    run = tf.function(box_iou, input_signature=[tf.TensorSpec(None)] * 2, autograph=False)
    np.testing.assert_array_equal(run(boxes, boxes[:, :1]), box_iou(boxes, boxes[:, :1]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(np.zeros((2, 3)), np.zeros((2, 3)))


def test_invalid_arguments():
    box = [0.0, 0.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="Did you mean giou?"):
        box_iou(box, box, "gioo")
    with raises_argument_error("kind", received="None"):
        box_iou(box, box, None)
    with raises_argument_error("boxes", received="shape (3,)", expected="have 4 coordinates along the last axis"):
        box_iou(box[:3], box)
    with raises_argument_error("others", received="dtype complex64"):
        box_iou(box, tf.zeros(4, "complex64"))
    for value in (["a"] * 4, [box, box[:3]], 1.0):
        with raises_argument_error("others"):
            box_iou(box, value)
    with pytest.raises(tf.errors.InvalidArgumentError):
        box_iou(tf.zeros((2, 4)), tf.zeros((3, 4)))
