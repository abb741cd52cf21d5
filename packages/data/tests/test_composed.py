"""Composed images: boxes and masks compared with the pixels and with each other."""

import hashlib

import numpy as np
import pytest

from tensorsmith.data import composed_fashion, info, load
from tensorsmith.data.datasets.composed import compose
from tensorsmith.testing import raises_argument_error


@pytest.fixture(scope="module")
def examples():
    return composed_fashion("test", 200, seed=3)


def test_boxes_are_the_bounding_boxes_of_masks(examples):
    for boxes, classes, masks in zip(examples["boxes"], examples["classes"], examples["masks"], strict=True):
        count = (classes >= 0).sum()
        assert 1 <= count <= 4
        assert (classes[count:] == -1).all()
        assert (boxes[count:] == 0).all()
        assert masks.max() == count
        for number, (x_min, y_min, x_max, y_max) in enumerate(boxes[:count].astype(int), start=1):
            mask = masks == number
            inside = mask[y_min:y_max, x_min:x_max]
            assert inside.sum() == mask.sum() > 0
            assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()  # noqa: PT018


def test_items_are_brighter_than_the_background_on_average(examples):
    items = examples["masks"] > 0
    images = examples["image"][..., 0]
    assert images[items].mean() > images[~items].mean() + 40
    assert images[~items].std() > 10  # a gradient
    assert np.bincount(examples["classes"][examples["classes"] >= 0], minlength=10).min() > 15


def test_seed_decides():
    one, again, other = (composed_fashion("test", 5, size=64, most_items=2, seed=seed) for seed in (1, 1, 2))
    assert one["boxes"].shape == (5, 2, 4)
    for name, values in one.items():
        np.testing.assert_array_equal(values, again[name])
    assert (one["image"] != other["image"]).any()
    assert composed_fashion("test", 0)["image"].shape == (0, 96, 96, 1)


def test_flipped_items():
    """Half of the items are mirrored: without overlap and scaling, each is an item or its mirror image."""
    rng = np.random.default_rng(0)
    items = rng.uniform(0.5, 1, (1, 20, 20)).astype("float32")
    found = compose(items, np.zeros(1, np.int32), 300, 44, 1, seed=0, flip=True)
    sides = found["boxes"][:, 0, 2] - found["boxes"][:, 0, 0]
    mirrored = 0
    pixels = np.round(items[0] * 255)
    for image, box in zip(found["image"][sides == 20], found["boxes"][sides == 20, 0].astype(int), strict=True):
        crop = image[box[1] : box[3], box[0] : box[2], 0]
        mirrored += np.array_equal(crop, pixels[:, ::-1])
        assert np.array_equal(crop, pixels) or np.array_equal(crop, pixels[:, ::-1])
    assert 0 < mirrored < (sides == 20).sum()


def test_registered_data_set_contains_the_same_kind_of_images():
    data = load("composed_fashion", "validation")
    expected = composed_fashion("validation", 500, seed=1)
    np.testing.assert_array_equal(np.round(data.features * 255), expected["image"][..., 0])
    for name, values in data.labels.items():
        np.testing.assert_array_equal(values, expected[name])
    # Images are not part of the hash, because the rounding of their backgrounds may depend on the machine.
    content = b"".join(data.labels[name].tobytes() for name in ("boxes", "classes", "masks"))
    assert hashlib.sha256(content).hexdigest()[:16] == "3fc6ddae5c7cfc23"
    assert data.class_names == info("fashion_mnist").class_names
    images, labels = next(iter(data.to_tf(batch_size=8)))
    assert (images.shape, labels["boxes"].shape, labels["masks"].shape) == ((8, 96, 96), (8, 4, 4), (8, 96, 96))


@pytest.mark.parametrize(
    ("change", "name"),
    [({"split": "tset"}, "split"), ({"count": -1}, "count"), ({"size": 30}, "size"), ({"most_items": 0}, "most_items")],
)
def test_bad_arguments(change, name):
    with raises_argument_error(name=name):
        composed_fashion(**{"split": "test", "count": 1, **change})
