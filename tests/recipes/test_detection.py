"""Tests of the recipes for object detection: targets, baselines, splits and scores, compared with loops over boxes."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from tensorsmith.core import load_tensorflow

load_tensorflow()
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from tensorsmith.image import boxes  # noqa: E402
from tensorsmith.layers import to_convolutional  # noqa: E402
from tensorsmith.metrics import MeanAveragePrecision  # noqa: E402
from tensorsmith.recipes import read_results  # noqa: E402
from tensorsmith.recipes.catalog import find_recipe  # noqa: E402


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def logits_of(targets, anchors):
    """Return the outputs of a detector whose detections are the boxes that targets of a grid encode."""
    logits = targets.copy()
    for start in range(0, 5 * anchors, 5):
        position = np.clip(targets[..., start : start + 2], 1e-6, 1 - 1e-6)
        logits[..., start : start + 2] = np.log(position / (1 - position))
        logits[..., start + 4] = np.where(targets[..., start + 4] > 0, 20, -20)
    logits[..., 5 * anchors :] *= 40
    return logits


def test_scores_of_covered_items(load_recipe, rng):
    """Detections of other items are ignored, as if these items and detections did not exist."""
    recipe = load_recipe("detection/composed")
    count, corners = 40, np.array([[0, 0, 20, 20], [30, 0, 60, 20], [0, 40, 20, 70], [50, 50, 90, 90]], "float32")
    true, classes = np.tile(corners, (count, 1, 1)), rng.integers(0, 10, (count, 4))
    covered = np.where(rng.random((count, 4)) < 0.3, 0.2, 0.05).astype("float32")
    # A third of the boxes is found at another position.
    moved = true + np.where(rng.random((count, 4, 1)) < 0.3, 15, 1).astype("float32")
    found = np.dstack([moved, classes, rng.random((count, 4))])
    scores = recipe.scores({"boxes": true, "classes": classes, "covered": covered}, found, found)
    chosen = covered > 0.1
    expected = MeanAveragePrecision(1, (0.5,))
    expected.update_state(
        np.dstack([true, np.where(chosen, 0, -1)]), np.dstack([moved, np.where(chosen, 0, -1), found[..., 5]])
    )
    assert 0.3 < scores["covered_ap_50"] < 0.95
    # Moved detections of other items intersect these, and therefore are ignored if the intersection is large.
    assert scores["covered_ap_50"] <= float(expected.result()) + 1e-6
    assert scores["covered_ap_50"] != scores["ap_50"]
    perfect = np.dstack([true, classes, rng.random((count, 4))])
    examples = {"boxes": true, "classes": classes, "covered": covered}
    assert set(recipe.scores(examples, perfect, perfect).values()) == {1.0}
    wrong = np.dstack([true, (classes + 1) % 10, rng.random((count, 4))])
    assert recipe.scores(examples, wrong, wrong)["map_50"] < 0.1
    assert recipe.scores(examples, wrong, wrong)["ap_50"] == 1


def test_components_have_the_class_of_the_nearest_mean(load_recipe, rng):
    """Classes are a bright and a dark square, with a frame that tells them apart at any size."""
    recipe = load_recipe("detection/composed")

    def scene(*items):
        image = rng.integers(0, 50, (96, 96, 1)).astype("uint8")
        for x_min, y_min, x_max, y_max, kind in items:
            image[y_min:y_max, x_min:x_max] = 255 - rng.integers(0, 40, (y_max - y_min, x_max - x_min, 1))
            if kind == 3:
                image[y_min + 4 : y_max - 4, x_min + 4 : x_max - 4] //= 2
        return image

    train = {
        "image": np.stack([scene((10, 10, 40, 40, kind)) for kind in (7, 3, 7, 3)]),
        "boxes": np.array([[[10, 10, 40, 40], [0, 0, 0, 0]]] * 4, "float32"),
        "classes": np.array([[7, -1], [3, -1]] * 2),
    }
    items = [(5, 6, 35, 37, 3), (50, 50, 85, 80, 7)]
    found = recipe.components(scene(*items)[np.newaxis], train)
    assert found.shape == (1, 20, 6)
    # The larger one first, with its number of pixels.
    np.testing.assert_array_equal(found[0, :2], [[50, 50, 85, 80, 7, 35 * 30], [5, 6, 35, 37, 3, 30 * 31]])
    assert (found[0, 2:, 4] == -1).all()


def test_composed_targets_decode_to_the_boxes(load_recipe):
    recipe = load_recipe("detection/composed")
    data = recipe.build_data(dataclasses.replace(recipe.Config(), sizes=(64, 1, 50), batch_size=64))
    targets = np.asarray(data["test"][1])
    decoded = boxes.decode_grid(logits_of(targets, len(recipe.ANCHORS)), recipe.ANCHORS, (96, 96))
    found = boxes.select_detections(*decoded, max_output_size=50, across_classes=True).numpy()
    of_classes = boxes.select_detections(*decoded, max_output_size=50, each_class=True).numpy()
    scores = recipe.scores(recipe.composed_fashion("test", 50), found, of_classes)
    assert min(scores["ap_50"], scores["map_50"]) > 0.97  # two items rarely share a cell
    images, small = next(iter(data["train"]))
    assert images.shape == (64, 64, 64, 1)
    assert small.shape == (64, 8, 8, 25)


@pytest.mark.parametrize("held_out", ["YELL_528000", "YELL_541000", "OSBS_029", "SOAP_061"])
def test_photograph_that_is_held_out(held_out, load_recipe):
    recipe = load_recipe("detection/trees")
    photographs = recipe.tree_crown_photographs()
    upper, lower, (image, corners) = recipe.split_photographs(recipe.Config(held_out=held_out))
    assert recipe.VARIANTS[held_out] == {"held_out": held_out}
    assert image is not None
    np.testing.assert_array_equal(corners, photographs[held_out][1])
    others = [name for name in photographs if name != held_out]
    for name, (above, upper_boxes), (below, lower_boxes) in zip(others, upper, lower, strict=True):
        whole, all_boxes = photographs[name]
        np.testing.assert_array_equal(np.concatenate([above, below]), whole)
        assert len(above) == len(whole) * 4 // 5
        assert len(upper_boxes) + len(lower_boxes) == len(all_boxes)
        for part, own in ((above, upper_boxes), (below, lower_boxes)):
            assert own[:, 1::2].min() >= 0
            assert own[:, 1::2].max() <= len(part)
        shift = np.array([0, len(above), 0, len(above)])
        expected = {tuple(box) for box in all_boxes[:, [0, 2]]}
        assert {tuple(box) for box in np.concatenate([upper_boxes, lower_boxes + shift])[:, [0, 2]]} == expected


def test_mosaic_moves_boxes_with_their_pixels(load_recipe, rng):
    """Each box is a bright rectangle in its crop, and the same rectangle of the mosaic has the color of the crop."""
    recipe = load_recipe("detection/trees")
    crops, corners = np.zeros((8, 30, 30, 1), "float32"), np.zeros((8, 3, 4), "float32")
    for crop in range(8):
        for number in range(2):
            x, y = rng.integers(0, 4, 2) + (0, 18)[number]
            corners[crop, number] = x, y, x + 9, y + 8
            crops[crop, y : y + 8, x : x + 9] = crop + 1
    centers = (corners[..., :2] + corners[..., 2:]) / 2
    centers[3, 1] = -2, 8  # of a tree that the crop shows in part
    example = {"image": tf.constant(crops), "boxes": tf.constant(corners), "keypoints": tf.constant(centers)}
    images, moved = (each.numpy() for each in recipe.mosaic(example))
    assert images.shape == (2, 60, 60, 1)
    assert moved.shape == (2, 12, 4)
    areas = (moved[..., 2:] - moved[..., :2]).prod(axis=-1)
    assert (areas > 0).sum() == 15
    for image, position in np.ndindex(2, 4):
        top, left = 30 * (position // 2), 30 * (position % 2)
        crop = 4 * image + position
        np.testing.assert_array_equal(images[image, top : top + 30, left : left + 30], crops[crop])
        for x_min, y_min, x_max, y_max in moved[image, 3 * position : 3 * position + 2].astype(int):
            assert (images[image, y_min:y_max, x_min:x_max] == crop + 1).all()


def test_detections_of_tiles_are_joined(load_recipe, rng):
    """A detector that knows the trees of each tile finds each tree of the photograph once."""
    recipe = load_recipe("detection/trees")
    height, width, side = 500, 640, recipe.SIDE
    centers = np.stack(np.meshgrid(np.arange(30, width - 30, 50), np.arange(30, height - 30, 50)), axis=-1).reshape(
        -1, 2
    )
    centers = centers + rng.integers(-4, 5, centers.shape)
    corners = np.concatenate([centers - 18, centers + 18], axis=1).astype("float32")
    image = np.zeros((height, width, 3), "uint8")
    anchors = np.array([[20, 20], [36, 36], [60, 60]], "float32")

    def predict(_):
        cut = boxes.tile(image, corners, size=side, overlap=side // 4)
        cells = side // recipe.STRIDE
        classes = np.zeros(cut.boxes.shape[:2], int)
        return logits_of(boxes.encode_grid(cut.boxes, classes, anchors, (side, side), (cells, cells), 1).numpy(), 3)

    found = recipe.detect(SimpleNamespace(predict=predict), image, anchors)
    assert recipe.average_precision(corners, found) > 0.99
    assert (found[:, 5] > 0.5).sum() == len(corners)


def test_blobs_are_dark_and_green(load_recipe):
    recipe = load_recipe("detection/trees")
    image = np.full((200, 240, 3), 200, "uint8")
    image[40:80, 20:72] = 40, 90, 30  # a tree
    image[120:160, 100:160] = 60, 60, 60  # a shadow
    image[120:160, 180:220] = 150, 220, 140  # a meadow
    found = recipe.blobs(image, dark=100, green=15)
    np.testing.assert_allclose(found[0], [20, 40, 72, 80, 0, 13 * 10], atol=8)
    assert (found[1:, 4] == -1).all()
    assert recipe.average_precision(np.array([[20, 40, 72, 80]]), found) == 1


def test_mean_precision_of_trees_exceeds_the_baseline():
    comparison = read_results(find_recipe("detection/trees")).comparison
    scores = [np.mean(list(variant.scores.values())) for variant in comparison.variants]
    column = "test baseline_average_precision"
    baseline = [np.mean(list(variant.columns[column].values())) for variant in comparison.variants]
    assert len(scores) == 4
    assert np.mean(scores) > np.mean(baseline)


def test_one_pass_returns_the_outputs_of_all_windows(load_recipe, rng):
    """The converted network, applied to an image of twice the size, and the classifier, applied to each window."""
    recipe = load_recipe("detection/sliding")
    keras.utils.set_random_seed(0)
    model = recipe.build_model(recipe.Config(filters=4, units=8))
    for layer in model.layers:  # statistics as after training
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.set_weights(
                [rng.uniform(0.5, 2, shape), rng.normal(size=shape), rng.normal(size=shape), np.ones(shape)]
            )
    image = rng.random((1, recipe.SIDE, recipe.SIDE, 1)).astype("float32")
    maps = to_convolutional(model)(image)
    starts = range(0, recipe.SIDE - recipe.WINDOW + 1, recipe.STRIDE)
    windows = np.stack([image[0, y : y + recipe.WINDOW, x : x + recipe.WINDOW] for y in starts for x in starts])
    assert recipe.SIDE == 2 * recipe.WINDOW
    for name, outputs in model(windows).items():
        expected = outputs.numpy().reshape(len(starts), len(starts), -1)
        np.testing.assert_allclose(maps[name][0], expected, rtol=1e-4, atol=1e-5)


def test_targets_of_windows(load_recipe):
    recipe = load_recipe("detection/sliding")
    examples = recipe.scenes("validation", 60)
    cut, targets, weights = recipe.windows(examples, np.random.default_rng(1))
    assert len(cut) == 120
    present = targets["object"][:, 0] > 0
    assert 0.5 < present.mean() < 0.8  # each window near an item, and some of the others
    assert present[::2].mean() > 0.95
    np.testing.assert_array_equal(weights["box"], present)
    for number in np.flatnonzero(present):
        x_min, y_min, x_max, y_max = recipe.WINDOW * targets["box"][number]
        assert max(abs((x_min + x_max) / 2 - 24), abs((y_min + y_max) / 2 - 24)) <= recipe.NEAR
        # The box in the window is one of the boxes of the image, which has this class.
        image = number // 2
        sizes = examples["boxes"][image][:, 2:] - examples["boxes"][image][:, :2]
        equal = np.abs(sizes - (x_max - x_min, y_max - y_min)).max(axis=1) < 1e-3
        assert targets["class"][number] in examples["classes"][image][equal]


def test_overlap_of_one_item(load_recipe, tmp_path, rng):
    recipe = load_recipe("detection/one_item")
    data = recipe.build_data(dataclasses.replace(recipe.Config(), sizes=(1, 1, 30)))
    images, true = data["test"]
    shifted = true["box"] + np.array([0, 0, 0.1, 0])
    outputs = {"class": np.eye(10)[np.where(np.arange(30) < 10, true["class"], 9 - true["class"])], "box": shifted}
    run = SimpleNamespace(folder=tmp_path)
    scores = recipe.report(recipe.Config(), run, SimpleNamespace(predict=lambda _: outputs), data)["test"]
    widths = true["box"][:, 2] - true["box"][:, 0]
    np.testing.assert_allclose(scores["iou"], np.mean(widths / (widths + 0.1)), rtol=1e-5)
    right = (outputs["class"].argmax(axis=1) == true["class"]) & (widths / (widths + 0.1) >= 0.5)
    np.testing.assert_allclose(scores["found"], right.mean())
    assert (tmp_path / "detections.png").exists()
