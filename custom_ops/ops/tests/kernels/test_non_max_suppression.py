"""Tests of non_max_suppression against TensorFlow's op, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

CHOICES = pytest.mark.parametrize("choice", ["compiled", "reference"])


def draw(rng, count, side=100):
    corners = rng.uniform(0, side, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, (count, 2))], axis=1)
    return (
        boxes.astype("float32"),
        rng.uniform(0, 1, count).astype("float32"),
        rng.integers(0, 4, count).astype("int32"),
    )


def by_tensorflow(boxes, scores, **options):
    """Select by TensorFlow's op. Its soft suppression uses the IoU threshold, too, unless it is 1."""
    if options.get("soft_nms_sigma"):
        options["iou_threshold"] = 1.0
    return [part.numpy() for part in tf.image.non_max_suppression_with_scores(boxes, scores, **options)]


@CHOICES
@pytest.mark.parametrize("sigma", [0.0, 0.3])
@pytest.mark.parametrize(("threshold", "least", "most"), [(0.3, float("-inf"), 500), (0.5, 0.4, 500), (0.7, 0.1, 7)])
def test_matches_tensorflow(choice, sigma, threshold, least, most, rng):
    boxes, scores, _ = draw(rng, 200)
    options = {"max_output_size": most, "iou_threshold": threshold, "score_threshold": least, "soft_nms_sigma": sigma}
    indices, expected_scores = by_tensorflow(boxes, scores, **options)
    with ops.use(choice):
        for function in (ops.non_max_suppression, tf.function(ops.non_max_suppression, autograph=False)):
            selection = function(boxes, scores, **options)
            np.testing.assert_array_equal(selection.indices, indices)
            np.testing.assert_allclose(selection.scores, expected_scores, rtol=1e-5)


@CHOICES
@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_classes_do_not_affect_each_other(choice, sigma, rng):
    boxes, scores, classes = draw(rng, 150, side=40)
    options = {"max_output_size": 150, "iou_threshold": 0.4, "score_threshold": 0.2, "soft_nms_sigma": sigma}
    expected = []
    for number in range(4):
        of_class = np.flatnonzero(classes == number)
        indices, selected = by_tensorflow(boxes[of_class], scores[of_class], **options)
        expected += list(zip(-selected, of_class[indices], strict=True))
    with ops.use(choice):
        selection = ops.non_max_suppression(boxes, scores, classes, **options)
    np.testing.assert_array_equal(selection.indices, [index for _, index in sorted(expected)])
    np.testing.assert_allclose(selection.scores, [-score for score, _ in sorted(expected)], rtol=1e-5)


@CHOICES
def test_unusual_boxes(choice):
    """Boxes without area overlap nothing, NaN scores are never selected, and ties are in the order of indices."""
    boxes = [[0, 0, 4, 4], [0, 0, 4, 4], [3, 3, 1, 1], [3, 3, 1, 1], [0, 0, 4, 4], [8, 8, 9, np.nan]]
    scores = [0.5, 0.5, 0.5, 0.5, np.nan, 0.1]
    with ops.use(choice):
        assert ops.non_max_suppression(boxes, scores).indices.numpy().tolist() == [0, 2, 3, 5]
        soft = ops.non_max_suppression(boxes[:3], [0.9, -1.0, 0.0], soft_nms_sigma=0.5)
        assert soft.indices.numpy().tolist() == [0, 2]
        assert ops.non_max_suppression(boxes, scores, max_output_size=0).indices.shape == (0,)
        assert ops.non_max_suppression(np.zeros((0, 4), "float32"), np.zeros(0, "float32")).indices.shape == (0,)


def test_unknown_shapes(rng):
    boxes, scores, classes = draw(rng, 60)
    specs = [tf.TensorSpec(None, dtype) for dtype in (tf.float32, tf.float32, tf.int32)]
    unknown = tf.function(ops.non_max_suppression, input_signature=specs, autograph=False)
    expected = ops.non_max_suppression(boxes, scores, classes)
    np.testing.assert_array_equal(unknown(boxes, scores, classes).indices, expected.indices)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"boxes": np.zeros((3, 3), "float32")}, "boxes"),
        ({"scores": np.zeros(2, "float32")}, "scores"),
        ({"classes": np.zeros((3, 1), "int32")}, "classes"),
        ({"max_output_size": -1}, "max_output_size"),
        ({"iou_threshold": 1.5}, "iou_threshold"),
        ({"soft_nms_sigma": -1.0}, "soft_nms_sigma"),
    ],
)
def test_bad_arguments(change, name):
    with raises_argument_error(name=name):
        ops.non_max_suppression(**{"boxes": np.zeros((3, 4), "float32"), "scores": np.zeros(3, "float32"), **change})


numbers = st.one_of(st.floats(width=32), st.floats(0, 10, width=32))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    count = data.draw(st.integers(0, 40))
    boxes = np.array(data.draw(st.lists(numbers, min_size=4 * count, max_size=4 * count)), "float32").reshape(count, 4)
    scores = np.array(data.draw(st.lists(numbers, min_size=count, max_size=count)), "float32")
    arguments = {"boxes": boxes, "scores": scores, "classes": np.arange(count, dtype="int32") % 2}
    name = data.draw(st.sampled_from([None, None, "boxes", "scores", "classes"]))
    if name is not None:
        shape = data.draw(st.lists(st.integers(0, 5), max_size=3))
        arguments[name] = np.zeros(shape, arguments[name].dtype)
    fails_cleanly(
        ops.library().ops.tensorsmith_non_max_suppression,
        **arguments,
        max_output_size=data.draw(st.integers(-1, 50)),
        iou_threshold=data.draw(numbers),
        score_threshold=data.draw(numbers),
        sigma=data.draw(numbers),
    )
