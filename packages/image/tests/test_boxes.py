"""Boxes: overlaps, anchors, grids, matching, tiles and drawing, compared with Keras, loops over pixels and formulas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.image import boxes
from tensorsmith.testing import raises_argument_error


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def draw(rng, *shape, side=50):
    corners = rng.uniform(0, side, (*shape, 2))
    return np.concatenate([corners, corners + rng.uniform(3, 30, (*shape, 2))], axis=-1).astype("float32")


def test_overlaps_match_keras(rng):
    ours, others = draw(rng, 2, 5), draw(rng, 2, 7)
    expected = keras.utils.bounding_boxes.compute_iou(ours, others, "xyxy")
    np.testing.assert_allclose(boxes.iou(ours, others), expected, atol=1e-6)
    assert boxes.iou(np.zeros((0, 4)), others[0]).shape == (0, 7)


def test_anchors_recover_clusters(rng):
    centers = np.array([[8, 20], [30, 12], [60, 70]])
    sizes = np.concatenate([center * rng.normal(1, 0.05, (50, 2)) for center in centers])
    anchors = boxes.anchor_sizes(sizes, 3, seed=2)
    np.testing.assert_allclose(anchors, centers, rtol=0.03)
    np.testing.assert_array_equal(anchors, boxes.anchor_sizes(sizes, 3, seed=2))


def test_anchors_of_sizes_that_differ_by_rounding():
    sizes = [[1, 2], [1, np.nextafter(2, 3)], [1, np.nextafter(2, 1)]]
    np.testing.assert_array_equal(boxes.anchor_sizes(sizes, 3), [[1, 2]] * 3)


def test_anchors_are_a_fixed_point_of_k_means(rng):
    sizes = rng.uniform(4, 80, (200, 2))
    anchors = boxes.anchor_sizes(sizes, 5)
    intersection = np.minimum(sizes[:, None], anchors).prod(axis=-1)
    nearest = (intersection / (sizes.prod(1)[:, None] + anchors.prod(1) - intersection)).argmax(axis=1)
    means = [sizes[nearest == number].mean(axis=0) for number in range(5)]
    np.testing.assert_allclose(anchors, means, rtol=1e-5)


ANCHORS = np.array([[10.0, 10.0], [30.0, 15.0]], "float32")


def test_decoded_targets_are_the_boxes(rng):
    """Targets as logits: positions by the inverse of the sigmoid, large logits for objects and classes."""
    true, classes = draw(rng, 3, 4, side=60), rng.integers(0, 5, (3, 4))
    targets = boxes.encode_grid(true, classes, ANCHORS, (100, 90), (20, 18), 5).numpy()
    assert targets.shape == (3, 20, 18, 15)
    logits = targets.copy()
    for start in (0, 5):
        position = np.clip(targets[..., start : start + 2], 1e-6, 1 - 1e-6)
        logits[..., start : start + 2] = np.log(position / (1 - position))
        logits[..., start + 4] = np.where(targets[..., start + 4] > 0, 20, -20)
    logits[..., 10:] *= 40
    decoded = boxes.decode_grid(logits, ANCHORS, (100, 90))
    for number in range(3):
        selection = boxes.non_max_suppression(
            decoded.boxes[number], tf.reduce_max(decoded.scores[number], axis=1), score_threshold=0.5, iou_threshold=1.0
        )
        found = tf.gather(decoded.boxes[number], selection.indices).numpy()
        labels = tf.gather(tf.argmax(decoded.scores[number], axis=1), selection.indices).numpy()
        order, expected = np.lexsort(found.T[:2]), np.lexsort(true[number].T[:2])
        np.testing.assert_allclose(found[order], true[number][expected], atol=2e-3)
        np.testing.assert_array_equal(labels[order], classes[number][expected])


def test_grid_assigns_the_best_anchor_and_keeps_the_first_box():
    true = [[[2.0, 2, 12, 12], [1, 1, 13, 13], [40, 40, 68, 54], [5, 5, 5, 9], [95, 0, 130, 10]]]
    classes = [[1, 2, 0, 1, 1]]  # the last two boxes have no area, or are centered outside
    targets = boxes.encode_grid(true, classes, ANCHORS, (100, 100), (5, 5), 3).numpy()[0]
    assert np.argwhere(targets[..., [4, 9]]).tolist() == [[0, 0, 0], [2, 2, 1]]
    np.testing.assert_allclose(targets[0, 0, :5], [7 / 20, 7 / 20, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(targets[2, 2, 5:10], [14 / 20, 7 / 20, np.log(14 / 15), np.log(28 / 30), 1], atol=1e-6)
    assert targets[0, 0, 10:].tolist() == [0, 1, 0]
    assert targets[..., 10:].sum() == 2
    assert boxes.encode_grid(np.zeros((0, 2, 4)), np.zeros((0, 2)), ANCHORS, (10, 10), (2, 3), 3).shape[:3] == (0, 2, 3)
    empty = boxes.encode_grid(np.zeros((2, 0, 4)), np.zeros((2, 0)), ANCHORS, (10, 10), (2, 2), 3)
    np.testing.assert_array_equal(empty, np.zeros((2, 2, 2, 13)))


def test_targets_suit_the_loss(rng):
    losses = pytest.importorskip("tensorsmith.losses")
    true, classes = draw(rng, 2, 3, side=60), rng.integers(0, 5, (2, 3))
    targets = boxes.encode_grid(true, classes, ANCHORS, (100, 100), (10, 10), 5)
    perfect = tf.concat([_logits(targets[..., :5]), _logits(targets[..., 5:10]), 40 * targets[..., 10:]], axis=-1)
    loss = losses.YOLOLoss(boxes=2)
    assert float(loss(targets, perfect)) < 1e-3 < float(loss(targets, tf.zeros_like(targets)))


def _logits(part):
    position = tf.clip_by_value(part[..., :2], 1e-6, 1 - 1e-6)
    return tf.concat([tf.math.log(position / (1 - position)), part[..., 2:4], 80 * part[..., 4:] - 40], axis=-1)


def match_by_loop(anchors, true, positive, negative):
    iou = np.asarray(keras.utils.bounding_boxes.compute_iou(anchors, true, "xyxy"))
    result = [int(row.argmax()) if row.max() >= positive else -1 if row.max() < negative else -2 for row in iou]
    for number in range(len(true)):
        if iou[:, number].max() > 0:
            result[iou[:, number].argmax()] = number
    return result


def test_matching_agrees_with_a_loop(rng):
    anchors, true = draw(rng, 40), draw(rng, 3, 6)
    matched = boxes.match_anchors(anchors, true, 0.5, 0.3).numpy()
    for number in range(3):
        assert matched[number].tolist() == match_by_loop(anchors, true[number], 0.5, 0.3)
    assert {-2, -1} < set(matched.ravel())
    np.testing.assert_array_equal(boxes.match_anchors(anchors, true[0], 0.5, 0.3), matched[0])
    padded = np.concatenate([true[0], np.zeros((2, 4), "float32")])
    np.testing.assert_array_equal(boxes.match_anchors(anchors, padded, 0.5, 0.3), matched[0])
    np.testing.assert_array_equal(boxes.match_anchors(anchors, np.zeros((0, 4))), np.full(40, -1))


@pytest.mark.parametrize(("height", "width", "size", "overlap"), [(20, 33, 8, 2), (8, 8, 8, 0), (5, 20, 8, 7)])
def test_tiles_cover_the_image(height, width, size, overlap, rng):
    image, true = rng.uniform(size=(height, width, 3)), draw(rng, 6, side=width)
    tiles = boxes.tile(image, true, size, overlap)
    rebuilt, count = np.full((max(height, size), max(width, size), 3), np.nan), 0
    for pixels, (x, y) in zip(tiles.images.numpy(), tiles.offsets.numpy(), strict=True):
        rebuilt[y : y + size, x : x + size] = pixels
        count += 1
    np.testing.assert_array_equal(rebuilt[:height, :width], image)
    assert not np.isnan(rebuilt).any()
    if overlap < 4:
        assert count == -(-max(height - overlap, 1) // (size - overlap)) * -(
            -max(width - overlap, 1) // (size - overlap)
        )
    # Every box whose center is in the image is in a tile, and equals the part of the original in the tile.
    for number, box in enumerate(true):
        center = (box[:2] + box[2:]) / 2
        for (x, y), found in zip(tiles.offsets.numpy(), tiles.boxes.numpy()[:, number], strict=True):
            if x <= center[0] < x + size and y <= center[1] < y + size:
                np.testing.assert_allclose(found, np.clip(box - [x, y, x, y], 0, size), atol=1e-5)
            else:
                assert (found == 0).all()


def test_untile_is_the_inverse(rng):
    tiles = boxes.tile(np.zeros((30, 30, 1)), [[3.0, 4, 7, 9], [21, 20, 28, 29]], size=15)
    found = boxes.untile(tiles.boxes, tiles.offsets).numpy()
    with_area = found[(found[:, 2:] > found[:, :2]).all(axis=1)]
    kept = tf.reduce_any(tiles.boxes > 0, axis=2).numpy().ravel()
    np.testing.assert_array_equal(found[kept], [[3, 4, 7, 9], [21, 20, 28, 29]])
    assert len(with_area) == 2


def test_drawing():
    drawn = boxes.draw(
        np.zeros((60, 80), "uint8"), [[10, 30, 50, 55], [0, 0, 0, 0]], labels=["coat", "none"], classes=[0, 1], width=1
    )
    frame = np.argwhere((drawn == [31, 119, 180]).all(axis=-1))
    inside = frame[frame[:, 0] >= 30]
    assert inside.min(axis=0).tolist() == [30, 10]
    assert inside.max(axis=0).tolist() == [54, 49]
    assert (drawn[31:54, 11:49] == 0).all()
    assert (drawn[:30].min(axis=-1) > 200).any()  # the label in white, above the box
    assert not (drawn == [255, 127, 14]).all(axis=-1).any()  # a box without area


BOX = [[0.0, 0, 4, 4]]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: boxes.iou(BOX, BOX, kind="ciou"), "kind"),
        (lambda: boxes.iou([[0.0, 0, 4]], BOX), "boxes"),
        (lambda: boxes.iou(BOX, [0.0, 0, 4, 4]), "others"),
        (lambda: boxes.anchor_sizes([[1, 2], [0, 3]], 1), "sizes"),
        (lambda: boxes.anchor_sizes([1, 2], 1), "sizes"),
        (lambda: boxes.anchor_sizes([[1, 2], [1, 2]], 2), "count"),
        (lambda: boxes.encode_grid(BOX, [[1]], ANCHORS, (8, 8), (2, 2), 3), "boxes"),
        (lambda: boxes.encode_grid([BOX], [[1, 2]], ANCHORS, (8, 8), (2, 2), 3), "classes"),
        (lambda: boxes.encode_grid([BOX], [[1]], ANCHORS[0], (8, 8), (2, 2), 3), "anchors"),
        (lambda: boxes.encode_grid([BOX], [[1]], [[0, 3]], (8, 8), (2, 2), 3), "anchors"),
        (lambda: boxes.encode_grid([BOX], [[1]], [[np.nan, 3]], (8, 8), (2, 2), 3), "anchors"),
        (lambda: boxes.encode_grid([BOX], [[1]], ANCHORS, 8, (2, 2), 3), "image_size"),
        (lambda: boxes.decode_grid(np.zeros((1, 2, 2, 7)), [[8, 4]], (8, 8, 3)), "image_size"),
        (lambda: boxes.decode_grid(np.zeros((1, 2, 2, 7)), [[8, 4]], (-8, 8)), "image_size"),
        (lambda: boxes.encode_grid([BOX], [[1]], ANCHORS, (8, 8), (2, 2), 0), "num_classes"),
        (lambda: boxes.decode_grid(np.zeros((1, 2, 2, 10)), ANCHORS, (8, 8)), "predictions"),
        (lambda: boxes.match_anchors(BOX, BOX, 0.3, 0.5), "negative"),
        (lambda: boxes.match_anchors([BOX], BOX), "anchors"),
        (lambda: boxes.tile(np.zeros((4, 4)), BOX, 2), "image"),
        (lambda: boxes.tile(np.zeros((4, 4, 1)), BOX, 0), "size"),
        (lambda: boxes.tile(np.zeros((4, 4, 1)), BOX, 2, overlap=2), "overlap"),
        (lambda: boxes.draw(np.zeros((4, 4)), BOX), "image"),
        (lambda: boxes.draw(np.zeros((4, 4), "uint8"), BOX[0]), "boxes"),
        (lambda: boxes.draw(np.zeros((4, 4), "uint8"), BOX, labels=["a", "b"]), "labels"),
    ],
)
def test_bad_arguments(call, name):
    with raises_argument_error(name=name):
        call()
