"""Selection and drawing of detections, components and crops, compared with SciPy, TensorFlow and loops over images."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tensorsmith.image import boxes
from tensorsmith.testing import raises_argument_error


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize("across_classes", [False, True])
def test_selected_detections_are_those_of_each_image(across_classes, rng):
    corners = rng.uniform(0, 40, (3, 50, 2))
    corners = np.concatenate([corners, corners + rng.uniform(5, 30, (3, 50, 2))], axis=2).astype("float32")
    scores = rng.random((3, 50, 4)).astype("float32")
    found = boxes.select_detections(corners, scores, 30, 0.3, 0.8, across_classes).numpy()
    assert found.shape == (3, 30, 6)
    for image, rows in enumerate(found):
        classes, best = scores[image].argmax(axis=1), scores[image].max(axis=1)
        shift = 0 if across_classes else 1000 * classes[:, np.newaxis]  # boxes of different classes do not overlap
        yxyx = (corners[image] + shift)[:, [1, 0, 3, 2]]
        indices = tf.image.non_max_suppression(yxyx, best, 30, 0.3, 0.8).numpy()
        expected = np.column_stack([corners[image], classes, best])[indices]
        np.testing.assert_allclose(rows[: len(expected)], expected, rtol=1e-6)
        np.testing.assert_array_equal(rows[len(expected) :], [[0, 0, 0, 0, -1, 0]] * (30 - len(expected)))


def test_each_class_equals_combined_non_max_suppression():
    """TensorFlow's function considers the score of each class for each box, too."""
    rng = np.random.default_rng(4)
    centers, sizes = rng.uniform(10, 90, (3, 60, 2)), rng.uniform(5, 40, (3, 60, 2))
    corners = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1).astype("float32")
    scores = rng.uniform(0, 1, (3, 60, 4)).astype("float32")
    theirs = tf.image.combined_non_max_suppression(
        corners[:, :, None], scores, 60, 80, iou_threshold=0.4, score_threshold=0.3, clip_boxes=False
    )
    found = boxes.select_detections(corners, scores, 80, 0.4, 0.3, each_class=True).numpy()
    for rows, count, labels, values, chosen in zip(
        found, theirs.valid_detections, theirs.nmsed_classes, theirs.nmsed_scores, theirs.nmsed_boxes, strict=True
    ):
        assert 60 < count <= 80
        assert (rows[count:, 4] == -1).all()
        np.testing.assert_array_equal(rows[:count, :4], chosen[:count])
        np.testing.assert_array_equal(rows[:count, 4], labels[:count])
        np.testing.assert_array_equal(rows[:count, 5], values[:count])


def test_selection_without_images_or_boxes_and_in_a_graph():
    assert boxes.select_detections(np.zeros((0, 3, 4)), np.zeros((0, 3, 2)), 5).shape == (0, 5, 6)
    found = boxes.select_detections(np.zeros((2, 0, 4)), np.zeros((2, 0, 2)), 1)
    np.testing.assert_array_equal(found, [[[0, 0, 0, 0, -1, 0]]] * 2)
    corners = np.array([[[0, 0, 4, 4]]] * 2, "float32")
    select = tf.function(lambda corners, scores: boxes.select_detections(corners, scores, 2))
    assert select(corners, np.ones((2, 1, 3), "float32")).shape == (2, 2, 6)


def test_inverted_and_empty_boxes_are_selected_without_suppressing_others():
    """They have no area, and the metric counts them as false detections."""
    corners = [[[4.0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 4, 4]]]
    found = boxes.select_detections(corners, [[[0.9], [0.8], [0.7]]], 3).numpy()
    np.testing.assert_array_equal(found[0, :, :4], corners[0])


def test_components_match_scipy(rng):
    images = ndimage.gaussian_filter(rng.normal(size=(4, 30, 40)), (0, 1.5, 1.5)) > 0.05
    found = boxes.component_boxes(images, 5)
    for image, corners, pixels in zip(images, found.boxes.numpy(), found.sizes.numpy(), strict=True):
        labels, count = ndimage.label(image)
        sizes = np.bincount(labels.ravel())[1:]
        order = np.argsort(-sizes, kind="stable")[:5]
        assert count >= 5
        np.testing.assert_array_equal(pixels, sizes[order])
        slices = [ndimage.find_objects(labels)[index] for index in order]
        np.testing.assert_array_equal(corners, [[x.start, y.start, x.stop, y.stop] for y, x in slices])


def test_images_without_components():
    for shape in ((2, 5, 6), (0, 5, 6)):
        found = boxes.component_boxes(np.zeros(shape, bool), 3)
        assert found.boxes.shape == (shape[0], 3, 4)
        assert not found.boxes.numpy().any()
        assert not found.sizes.numpy().any()


def test_crops_of_whole_pixels_are_slices_and_others_are_resized_images(rng):
    images = rng.random((2, 20, 30, 3)).astype("float32")
    corners = np.array([[[2, 3, 9, 8], [0, 0, 30, 20]], [[23, 15, 30, 20], [5, 5, 12, 10]]], "float32")
    crops = boxes.crop_boxes(images, corners, (5, 7)).numpy()
    for image in range(2):
        for number, (x_min, y_min, x_max, y_max) in enumerate(corners[image].astype(int)):
            part = images[image, y_min:y_max, x_min:x_max]
            np.testing.assert_allclose(crops[image, number], tf.image.resize(part, (5, 7)), atol=1e-5)


def test_crops_outside_and_without_area_are_zero():
    images = np.ones((1, 10, 10, 1), "float32")
    corners = [[[20.0, 20, 30, 30], [5, 5, 5, 9], [8, 8, 2, 2], [np.nan, 0, 4, 4], [0, 0, np.inf, 4], [-4, 0, 4, 8]]]
    crops = boxes.crop_boxes(images, corners, (8, 8)).numpy()[0, ..., 0]
    assert not crops[:5].any()
    np.testing.assert_array_equal(crops[5, :, 4:], 1)
    np.testing.assert_array_equal(crops[5, :, :4], 0)


def test_grid_of_detections(rng):
    images = rng.integers(0, 255, (3, 12, 16, 1), "uint8")
    found = np.zeros((3, 2, 6))
    found[0] = [[1, 2, 9, 8, 1, 0.9], [0, 0, 9, 9, 0, 0.3]]
    found[:, :, 4] -= found[:, :, 5] == 0  # unused rows
    drawn = boxes.draw_detections(images, found, columns=2, scale=2)
    assert drawn.shape == (48, 64, 3)
    expected = boxes.draw(np.kron(images[0, ..., 0], np.ones((2, 2), "uint8")), [[2, 4, 18, 16]], classes=[1])
    np.testing.assert_array_equal(drawn[:24, :32], expected)
    np.testing.assert_array_equal(drawn[:24, 32:], np.kron(images[1], np.ones((2, 2, 3), "uint8")))
    assert (drawn[24:, 32:] == 255).all()
    labelled = boxes.draw_detections(images, found, ["bag", "coat"], columns=2, scale=2)
    assert (labelled != drawn).any()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: boxes.select_detections(np.zeros((2, 4)), np.zeros((1, 2, 1))), "boxes"),
        (lambda: boxes.select_detections(np.zeros((1, 2, 4)), np.zeros((1, 3, 1))), "scores"),
        (lambda: boxes.select_detections(np.zeros((1, 2, 4)), np.zeros((1, 2, 0))), "scores"),
        (lambda: boxes.select_detections(np.zeros((1, 2, 4)), np.zeros((1, 2, 1)), -1), "max_output_size"),
        (
            lambda: boxes.select_detections(
                np.zeros((1, 2, 4)), np.zeros((1, 2, 1)), across_classes=True, each_class=True
            ),
            "each_class",
        ),
        (lambda: boxes.select_detections(np.zeros((1, 2, 4)), np.zeros((1, 2, 1)), 1, 2.0), "iou_threshold"),
        (lambda: boxes.component_boxes(np.zeros((4, 4)), 1), "images"),
        (lambda: boxes.component_boxes(np.zeros((1, 4, 4)), 0), "max_output_size"),
        (lambda: boxes.crop_boxes(np.zeros((4, 4, 1)), np.zeros((1, 1, 4)), (2, 2)), "images"),
        (lambda: boxes.crop_boxes(np.zeros((1, 0, 4, 1)), np.zeros((1, 1, 4)), (2, 2)), "images"),
        (lambda: boxes.crop_boxes(np.zeros((1, 4, 0, 1)), np.zeros((1, 1, 4)), (2, 2)), "images"),
        (lambda: boxes.crop_boxes(np.zeros((2, 4, 4, 1)), np.zeros((1, 1, 4)), (2, 2)), "boxes"),
        (lambda: boxes.crop_boxes(np.zeros((1, 4, 4, 1)), np.zeros((1, 1, 4)), (2, 0)), "size"),
        (lambda: boxes.draw_detections(np.zeros((0, 4, 4, 1), "uint8"), np.zeros((0, 1, 6))), "images"),
        (lambda: boxes.draw_detections(np.zeros((1, 4, 4, 1), "uint8"), np.zeros((2, 1, 6))), "detections"),
        (lambda: boxes.draw_detections(np.zeros((1, 4, 4, 1), "uint8"), np.ones((1, 1, 6)), ["one"]), "names"),
        (lambda: boxes.draw_detections(np.zeros((1, 4, 4, 1), "uint8"), np.ones((1, 1, 6)), columns=0), "columns"),
        (lambda: boxes.draw(np.zeros((4, 4), "uint8"), [], scale=0), "scale"),
    ],
)
def test_bad_arguments(call, name):
    with raises_argument_error(name=name):
        call()
