"""Tests of average precision against the COCO tool, Keras, and areas counted in cells."""

import contextlib
import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.metrics import AveragePrecision, MeanAveragePrecision, average_precision, box_iou
from tensorsmith.testing import raises_argument_error


def scene(seed, images=12, true=6, found=15, classes=3, crowds=0.2):
    """Return true boxes and detections near them, (x, y, width, height, class, crowd or score), with some padding."""
    rng = np.random.default_rng(seed)
    truths = np.concatenate(
        [
            rng.uniform(0, 300, (images, true, 2)),
            rng.uniform(5, 80, (images, true, 2)),
            rng.integers(-1, classes, (images, true, 1)),
            rng.random((images, true, 1)) < crowds,
        ],
        axis=-1,
    )
    near = np.take_along_axis(truths, rng.integers(0, true, (images, found, 1)), axis=1)
    boxes = np.maximum(near[..., :4] + rng.normal(0, 6, (images, found, 4)), 1)
    labels = np.where(rng.random((images, found)) < 0.2, rng.integers(-1, classes, (images, found)), near[..., 4])
    scores = rng.permutation(images * found).reshape(images, found) / (images * found)
    return truths, np.concatenate([boxes, labels[..., None], scores[..., None]], axis=-1)


def coco(truths, found, classes):
    """Return the precisions of the COCO tool by threshold, recall and class, with -1 for missing classes."""
    data, results = COCO(), []
    data.dataset = {
        "images": [{"id": image} for image in range(len(truths))],
        "categories": [{"id": number} for number in range(classes)],
        "annotations": [],
    }
    for image, (boxes, detections) in enumerate(zip(truths.tolist(), found.tolist(), strict=True)):
        for *box, label, crowd in boxes:
            if label >= 0:
                facts = {"image_id": image, "category_id": int(label), "bbox": box, "area": box[2] * box[3]}
                number = len(data.dataset["annotations"]) + 1  # 0 would be treated as unmatched
                data.dataset["annotations"].append({**facts, "id": number, "iscrowd": int(crowd)})
        for *box, label, score in detections:
            if label >= 0:
                results.append({"image_id": image, "category_id": int(label), "bbox": box, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        evaluation = COCOeval(data, data.loadRes(results), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][..., 0, -1]


def made(make=MeanAveragePrecision, classes=3, **options):
    return make(classes, box_format="xywh", capacity=2_000, dtype="float64", **options)


def value(metric, truths, found, *weights):
    metric.update_state(truths, found, *weights)
    return metric.result().numpy()


@pytest.mark.parametrize("seed", range(5))
def test_matches_coco(seed):
    truths, found = scene(seed)
    precisions = coco(truths, found, 3)
    np.testing.assert_allclose(value(made(), truths, found), precisions.mean(), rtol=1e-9)
    each = value(made(AveragePrecision), truths, found)
    np.testing.assert_allclose(each, precisions.mean(axis=(0, 1)), rtol=1e-9)
    at_half = value(made(iou_thresholds=(0.5,)), truths, found)
    np.testing.assert_allclose(at_half, precisions[0].mean(), rtol=1e-9)


def test_coco_with_ties():
    """On a coarse grid many boxes coincide, and many overlaps equal a threshold."""
    rng = np.random.default_rng(1)
    truths, found = scene(1, images=30)
    for boxes in (truths, found):
        boxes[..., :4] = rng.integers(1, 4, boxes[..., :4].shape)
    np.testing.assert_allclose(value(made(), truths, found), coco(truths, found, 3).mean(), rtol=1e-9)


def test_coco_with_missing_class_or_detections():
    truths, found = scene(3, classes=2)
    precisions = coco(truths, found, 3)
    each = value(made(AveragePrecision), truths, found)
    np.testing.assert_allclose(each[:2], precisions[..., :2].mean(axis=(0, 1)), rtol=1e-9)
    assert np.isnan(each[2])
    np.testing.assert_allclose(value(made(), truths, found), precisions[precisions > -1].mean(), rtol=1e-9)
    assert value(made(), truths, found[:, :0]) == 0.0
    assert value(made(), truths[:, :0], found) == 0.0
    assert made().result() == 0.0


def test_11_point_interpolation():
    """The example is from the notebook to chapter 14 of Géron, "Hands-On Machine Learning", 2nd edition, 2019.

    It computes the mean over the recalls 0, 0.1, ... 1 of the maximum precision from there on.
    """
    precisions = [0.91, 0.94, 0.96, 0.94, 0.95, 0.92, 0.80, 0.60, 0.45, 0.20, 0.10]
    expected = (3 * 0.96 + 2 * 0.95 + 0.92 + 0.80 + 0.60 + 0.45 + 0.20 + 0.10) / 11
    np.testing.assert_allclose(average_precision(precisions, np.linspace(0, 1, 11), 11), expected, rtol=1e-9)


@pytest.mark.parametrize("levels", [2, 11, 101, None])
def test_average_precision_of_curves(levels):
    rng = np.random.default_rng(2)
    for count in (0, 1, 7, 64):
        precision, recall = rng.random((count, 2)), np.sort(rng.random((count, 2)), axis=0)
        for column in range(2):
            best = [max(precision[i:, column]) for i in range(count)]
            if levels is None:
                steps = np.diff(recall[:, column], prepend=0.0)
                expected = sum(step * height for step, height in zip(steps, best, strict=True))
            else:
                wanted = [level / (levels - 1) for level in range(levels)]
                heights = [precision[recall[:, column] >= level, column] for level in wanted]
                expected = np.mean([max(each, default=0.0) for each in heights])
            np.testing.assert_allclose(average_precision(precision, recall, levels)[column], expected, rtol=1e-9)
    with raises_argument_error("recall_levels", received="1"):
        average_precision([1.0], [1.0], 1)


def test_batches_of_unequal_sizes():
    truths, found = scene(4, images=100)
    whole, parts = value(made(), truths, found), made()
    cuts = (1, 4, 20, 21, 50, 53, 70, 71, 99)
    for batch in zip(np.split(truths, cuts), np.split(found, cuts), strict=True):
        parts.update_state(*batch)
    np.testing.assert_allclose(parts.result(), whole, rtol=1e-9)


def test_crowds():
    truths, found = scene(4)
    without = np.concatenate([truths[..., :5], 0 * truths[..., :1]], axis=-1)
    assert value(made(), truths[..., :5], found) == value(made(), without, found)
    assert value(made(), truths, found) != value(made(), without, found)


@pytest.mark.parametrize("levels", [101, None])
def test_sample_weights_are_repetitions(levels):
    truths, found = scene(5)
    weights = np.arange(12) % 3
    repeated = np.repeat(np.arange(12), weights)
    options = {"recall_levels": levels}
    np.testing.assert_allclose(
        value(made(**options), truths, found, weights),
        value(made(**options), truths[repeated], found[repeated]),
        rtol=1e-9,
    )


def test_masked_detections_are_ignored():
    truths, found = scene(6)
    mask = np.random.default_rng(0).random(found.shape[:2]) < 0.5
    masked = tf.constant(found)
    set_keras_mask(masked, tf.constant(mask))
    removed = np.where((np.arange(6) == 4) & ~mask[..., None], -1, found)
    np.testing.assert_allclose(value(made(), truths, masked), value(made(), truths, removed), rtol=1e-12)


def test_thresholds_of_an_array():
    thresholds = np.arange(0.5, 1, 0.05)
    assert AveragePrecision(3, iou_thresholds=thresholds).get_config()["iou_thresholds"] == tuple(thresholds.tolist())


def test_mismatched_precision_and_recall():
    for precision, recall in (((4, 3), (1, 3)), ((4, 3), (4, 1)), ((4, 1), (4,)), ((4,), (1,))):
        with raises_argument_error(
            "recall", received=f"{recall}", expected=f"have shape {precision} to match `precision`"
        ):
            average_precision(np.zeros(precision, int), np.zeros(recall, int))


def test_invalid_inputs():
    with raises_argument_error("y_true", received="(1, 2, 4)", expected="have shape (images, boxes, 5 or 6)"):
        made().update_state(np.zeros((1, 2, 4)), np.zeros((1, 2, 6)))
    with raises_argument_error("y_pred", received="(2, 6)", expected="have shape (images, boxes, 6)"):
        made().update_state(np.zeros((1, 2, 5)), np.zeros((2, 6)))
    for images in (1, 2):
        with raises_argument_error(
            "y_pred", received="3 images", expected=f"contain predictions for the {images} images of `y_true`"
        ):
            made().update_state(np.zeros((images, 2, 5)), np.zeros((3, 2, 6)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="class indices from 0 to 2"):
        made().update_state(np.full((1, 2, 5), 3.0), np.zeros((1, 2, 6)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="capacity must .*got 2000"):
        made().update_state(np.zeros((1, 1, 5)), np.zeros((1, 2_001, 6)))


def test_in_a_model():
    truths, found = (each.astype("float32") for each in scene(7, images=20))
    model = keras.Sequential([keras.Input((None, 6)), keras.layers.Identity()])
    model.compile(loss=lambda y_true, y_pred: 0 * y_pred, metrics=[made(iou_thresholds=(0.5,))])
    result = model.evaluate(found, truths, batch_size=6, verbose=0, return_dict=True)
    np.testing.assert_allclose(
        result["mean_average_precision"], value(made(iou_thresholds=(0.5,)), truths, found), rtol=1e-6
    )


def test_xla_error_message():
    metric = made()

    @tf.function(jit_compile=True)
    def run(truths, found):
        metric.update_state(truths, found)
        return metric.result()

    with pytest.raises(tf.errors.InvalidArgumentError, match="Detected unsupported operations"):
        run(tf.zeros((1, 2, 5)), tf.zeros((1, 2, 6)))


@pytest.mark.parametrize("box_format", ["yxyx", "xyxy", "xywh", "center_xywh"])
def test_box_iou_matches_keras(box_format):
    rng = np.random.default_rng(8)
    corners = [np.sort(rng.uniform(0, 10, (2, count, 2, 2)), axis=2).reshape(2, count, 4) for count in (5, 3)]
    given = [
        keras.utils.bounding_boxes.convert_format(each.astype("float32"), source="yxyx", target=box_format)
        for each in corners
    ]
    expected = keras.utils.bounding_boxes.compute_iou(*given, bounding_box_format=box_format)
    np.testing.assert_allclose(box_iou(*given, box_format), expected, rtol=1e-4, atol=1e-6)


def test_box_iou_broadcasts_anchors():
    rng = np.random.default_rng(8)
    boxes, anchors = np.sort(rng.random((2, 3, 4))), np.sort(rng.random((5, 4)))
    np.testing.assert_array_equal(box_iou(boxes, anchors), [box_iou(of_image, anchors) for of_image in boxes])


def test_box_iou_in_float16_and_of_invalid_boxes():
    pixels = tf.constant([[0, 0, 1000, 1000]], "float16")
    np.testing.assert_allclose(box_iou(pixels, pixels / 2), [[0.25]])
    with pytest.raises(ValueError, match="Did you mean xyxy"):
        box_iou([[0.0] * 4], [[0.0] * 4], "xxyy")
    with raises_argument_error("others", received="(1, 3)"):
        box_iou(np.zeros((1, 4)), np.zeros((1, 3)))
