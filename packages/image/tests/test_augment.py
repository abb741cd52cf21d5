"""Augmentations: images compared with SciPy and TensorFlow, and with their own boxes, masks and keypoints."""

import math

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tensorsmith.image import adjust_hsv_in_yiq, augment
from tensorsmith.testing import raises_argument_error

GEOMETRIC = {
    "flip": augment.random_flip("horizontal_and_vertical"),
    "crop": augment.random_crop(50, 30, scale=(0.6, 1.0)),
    "resize": augment.resize(50, 30),
    "pad": augment.resize(60, 60, pad=True),
    "affine": augment.random_affine(rotation=40, translation=0.1, zoom=(0.7, 1.3), shear=15),
    "chain": augment.chain(
        augment.random_affine(rotation=20, fill_mode="nearest"),
        augment.random_flip(),
        augment.random_crop(40, 50, (0.7, 1)),
    ),
}
geometric = pytest.mark.parametrize("name", GEOMETRIC)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def blob(size, x, y, deviation=3.0):
    """Return a float image with a blob, whose center is a keypoint."""
    rows, columns = np.indices(size) + 0.5
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * deviation**2)).astype("float32")[..., None]


def affine_of(augmentation, seed, size):
    """Return the matrix from input to output coordinates, solved from three keypoints."""
    points = np.array([[0, 0], [size[1], 0], [0, size[0]]], "float32")
    example = {"image": np.zeros((*size, 1), "uint8"), "keypoints": points}
    moved = augmentation(seed, example)["keypoints"].numpy()
    homogeneous = np.c_[points, np.ones(3)]
    return np.linalg.solve(homogeneous.astype("float64"), np.c_[moved, np.ones(3)]).T


@geometric
@pytest.mark.parametrize("seed", range(4))
def test_keypoints_move_with_the_image(name, seed):
    example = {"image": blob((48, 64), 34.0, 22.0), "keypoints": [[34.0, 22.0]]}
    result = GEOMETRIC[name](seed, example)
    image, (x, y) = result["image"].numpy()[..., 0], result["keypoints"].numpy()[0]
    rows, columns = np.indices(image.shape) + 0.5
    center = [(image * columns).sum() / image.sum(), (image * rows).sum() / image.sum()]
    np.testing.assert_allclose([x, y], center, atol=0.3)


@geometric
@pytest.mark.parametrize("seed", range(4))
def test_boxes_and_masks_move_with_the_image(name, seed):
    image = np.zeros((48, 64, 3), "uint8")
    image[14:30, 26:44] = 255
    mask = image[..., 0] > 0
    result = GEOMETRIC[name](seed, {"image": image, "boxes": [[26.0, 14.0, 44.0, 30.0]], "masks": mask})
    bright = result["image"].numpy()[..., 0] > 127
    rows, columns = np.nonzero(bright)
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(result["boxes"].numpy()[0], expected, atol=1.3)
    assert result["masks"].dtype == tf.bool
    assert (result["masks"].numpy() != bright).sum() <= 0.04 * bright.sum()


@pytest.mark.parametrize("fill_mode", ["constant", "reflect", "nearest"])
@pytest.mark.parametrize("seed", range(3))
def test_affine_matches_scipy(fill_mode, seed, rng):
    image = rng.uniform(0, 1, (20, 30, 2)).astype("float32")
    augmentation = augment.random_affine(30, 0.2, (0.5, 2), 20, fill_mode=fill_mode, fill_value=0.3)
    inverse = np.linalg.inv(affine_of(augmentation, seed, (20, 30)))
    # SciPy's coordinates are those of pixel centers, rows first.
    matrix, offset = inverse[:2, :2], inverse[:2, :2] @ [0.5, 0.5] + inverse[:2, 2] - 0.5
    mode = {"constant": "grid-constant", "reflect": "reflect", "nearest": "nearest"}[fill_mode]
    expected = [
        scipy.ndimage.affine_transform(
            channel.astype("float64"), matrix[::-1, ::-1], offset[::-1], order=1, mode=mode, cval=0.3
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    np.testing.assert_allclose(augmentation(seed, image), np.stack(expected, -1), atol=2e-4)


@pytest.mark.parametrize(("size", "new"), [((10, 12), (25, 7)), ((9, 5), (9, 5)), ((1, 1), (3, 4))])
def test_resize_matches_tensorflow(size, new, rng):
    image = rng.uniform(0, 1, (*size, 3)).astype("float32")
    np.testing.assert_allclose(augment.resize(*new)(0, image), tf.image.resize(image, new), atol=1e-5)


def test_crops_have_the_required_distribution():
    augmentation = augment.random_crop(10, 10, scale=(0.2, 0.6), ratio=(0.8, 1.25))
    images = np.zeros((2000, 100, 100, 1), "uint8")
    corners = np.tile(np.array([[0, 0], [100, 100]], "float32"), (2000, 1, 1))
    moved = augmentation(3, {"image": images, "keypoints": corners})["keypoints"].numpy()
    width, height = (1000 / (moved[:, 1] - moved[:, 0])).T
    left, top = (-moved[:, 0] * np.stack([width, height], 1) / 10).T
    area, ratio = width * height / 1e4, width / height
    for values, low, high in ((area, 0.2, 0.6), (np.log(ratio), math.log(0.8), math.log(1.25))):
        assert scipy.stats.kstest(values, "uniform", args=(low, high - low)).pvalue > 0.01
    for offset, extent in ((left, width), (top, height)):
        assert scipy.stats.kstest(offset / (100 - extent), "uniform").pvalue > 0.01


def test_flips_have_probability_one_half():
    images = np.tile(np.array([[[1], [2]], [[3], [4]]], "uint8"), (1000, 1, 1, 1))
    flipped = augment.random_flip("horizontal_and_vertical")(1, images).numpy()[..., 0]
    first = flipped[:, 0, 0]
    counts = np.bincount(first, minlength=5)[1:]
    assert scipy.stats.chisquare(counts).pvalue > 0.01
    for number, expected in (
        (1, [[1, 2], [3, 4]]),
        (2, [[2, 1], [4, 3]]),
        (3, [[3, 4], [1, 2]]),
        (4, [[4, 3], [2, 1]]),
    ):
        assert (flipped[first == number] == expected).all()


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_brightness_and_contrast_match_formulas(dtype, rng):
    white = 255 if dtype == "uint8" else 1
    image = (rng.uniform(0, 1, (6, 7, 1)) * white).astype(dtype)
    image[0, :3, 0] = 0, white / 2, white
    for options in ({"brightness": 0.4}, {"contrast": 0.7}):
        augmented = augment.random_colors(**options)(2, image).numpy().astype("float64")
        kept = (augmented > 0) & (augmented < white)  # not clipped
        slope, intercept = np.polyfit(image[kept].astype("float64"), augmented[kept], 1)
        if "brightness" in options:
            assert abs(slope - 1) < 0.02
            assert 0 < abs(intercept) <= 0.4 * white
        else:
            assert abs(slope - 1) <= 0.72
            assert abs(slope - 1) > 0.05
            np.testing.assert_allclose(slope * white / 2 + intercept, white / 2, rtol=0.02)


def test_hue_and_saturation_match_the_yiq_transform(rng):
    image = rng.uniform(0.3, 0.7, (8, 8, 3)).astype("float32")
    augmented = augment.random_colors(saturation=0.3, hue=0.1)(1, image).numpy()

    def distance(parameters):
        expected = adjust_hsv_in_yiq(image, parameters[0], parameters[1], 1.0)
        return float(tf.reduce_mean((expected - augmented) ** 2))

    start = min(
        ((hue, factor) for hue in np.linspace(-0.7, 0.7, 21) for factor in np.linspace(0.6, 1.4, 9)), key=distance
    )
    best = scipy.optimize.minimize(distance, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-13})
    assert best.fun < 1e-8  # all pixels have the same hue and saturation
    assert 0.01 < abs(best.x[0]) <= 0.2 * math.pi
    assert 0.01 < abs(best.x[1] - 1) <= 0.3


def test_normalization_matches_numpy(rng):
    images = rng.integers(0, 256, (2, 4, 5, 3)).astype("uint8")
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    expected = (images / 255 - mean) / std
    np.testing.assert_allclose(augment.normalize(mean, std)(0, images), expected, atol=1e-5)
    np.testing.assert_allclose(augment.normalize(0.5, 0.25)(0, images), (images / 255 - 0.5) / 0.25, atol=1e-5)


@pytest.mark.parametrize("first", [augment.random_flip(), augment.random_colors(brightness=0.3)])
def test_chain_equals_its_parts_applied_in_turn(first, rng):
    images = rng.uniform(0.3, 0.7, (3, 8, 6, 3)).astype("float32")  # not clipped after a change of brightness
    expected = augment.normalize(0.5, 0.25)(0, augment.resize(16, 9)(0, first(5, images)))
    chained = augment.chain(first, augment.chain(augment.resize(16, 9), augment.normalize(0.5, 0.25)))
    np.testing.assert_allclose(chained(5, images), expected, atol=1e-5)


def test_fill_modes_of_a_chain_are_preserved():
    """The first transform fills with 0.5, and the second one repeats the border of its result."""
    image = np.ones((9, 9, 1), "float32")
    parts = [
        augment.random_affine(translation=0.5, fill_value=0.5),
        augment.random_affine(translation=0.5, fill_mode="nearest"),
    ]
    result = augment.chain(*parts)(1, image).numpy()
    assert result.min() == 0.5
    assert ((result == 0.5) | (result == 1)).mean() > 0.7


@geometric
def test_seed_decides(name, rng):
    images = np.tile(rng.integers(0, 256, (1, 16, 20, 3)).astype("uint8"), (4, 1, 1, 1))
    augmentation = GEOMETRIC[name]
    once, again, other = (augmentation([1, seed], images).numpy() for seed in (2, 2, 3))
    np.testing.assert_array_equal(once, again)
    if name not in ("resize", "pad"):
        assert (once != other).any()
        assert len({image.tobytes() for image in np.concatenate([once, other])}) > 2  # images of a batch differ


def test_in_datasets_of_images_with_unknown_size(rng):
    images = [rng.integers(0, 256, (size, 2 * size, 3)).astype("uint8") for size in (5, 9)]
    spec = {"image": tf.TensorSpec((None, None, 3), tf.uint8), "boxes": tf.TensorSpec((None, 4), tf.float32)}
    examples = [{"image": image, "boxes": np.array([[0, 0, 2, 3]], "float32")} for image in images]
    dataset = tf.data.Dataset.from_generator(lambda: examples, output_signature=spec)
    augmentation = augment.chain(augment.random_crop(6, 4), augment.random_affine(10), augment.normalize(0.5, 0.5))
    seeds = tf.data.Dataset.from_tensor_slices([[1, 2], [3, 4]])
    mapped = tf.data.Dataset.zip(seeds, dataset).map(augmentation)
    assert mapped.element_spec["image"].shape == (6, 4, 3)
    for seed, example, result in zip([[1, 2], [3, 4]], examples, mapped, strict=True):
        expected = augmentation(seed, example)
        np.testing.assert_allclose(result["image"], expected["image"], atol=1e-5)
        np.testing.assert_allclose(result["boxes"], expected["boxes"], atol=1e-4)


def test_other_functions_and_keys(rng):
    image = rng.integers(0, 256, (6, 6, 3)).astype("uint8")
    erase = augment.keras_layer(keras.layers.RandomErasing(factor=1.0, fill_value=0, value_range=(0, 255)))
    augmentation = augment.chain(augment.random_flip(), erase, augment.resize(4, 4))
    result = augmentation(3, {"image": image, "label": 7})
    assert result["label"] == 7
    assert result["image"].shape == (4, 4, 3)
    np.testing.assert_array_equal(result["image"], augmentation(3, image))
    assert (augmentation(3, image).numpy() != augmentation(4, image).numpy()).any()


def test_boxes_outside_have_no_area():
    crop = augment.random_crop(10, 10, scale=(0.01, 0.02))
    corner = [[0.0, 0.0, 1.0, 1.0], [99.0, 99.0, 100.0, 100.0], [0.0, 0.0, 0.0, 0.0]]
    boxes = crop(2, {"image": np.zeros((100, 100, 1), "uint8"), "boxes": corner})["boxes"].numpy()
    assert ((boxes >= 0) & (boxes <= 10)).all()
    np.testing.assert_allclose((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 0, atol=1e-6)


@pytest.mark.parametrize("batch", [0, 2])
def test_empty_batches_and_images_without_pixels(batch):
    example = {"image": np.zeros((batch, 0, 5, 3), "uint8"), "boxes": np.zeros((batch, 0, 4), "float32")}
    result = augment.random_affine(10)(0, example)
    assert result["image"].shape == (batch, 0, 5, 3)
    assert result["boxes"].shape == (batch, 0, 4)
    assert augment.resize(3, 4)(0, example)["image"].shape == (batch, 3, 4, 3)


IMAGE = np.zeros((4, 5, 3), "uint8")


@pytest.mark.parametrize(
    ("example", "name"),
    [
        ({"boxes": [[0.0, 0.0, 1.0, 1.0]]}, "example"),
        (np.zeros((4, 5), "uint8"), "image"),
        (np.float32(3), "image"),
        (np.zeros((1, 1, 4, 5, 3), "uint8"), "image"),
        (np.zeros((4, 5, 3), "int32"), "image"),
        ({"image": IMAGE, "boxes": np.zeros((2, 3), "float32")}, "boxes"),
        ({"image": IMAGE[None], "boxes": np.zeros((2, 4), "float32")}, "boxes"),
        ({"image": IMAGE, "masks": np.zeros((4, 4), "uint8")}, "masks"),
        ({"image": IMAGE, "keypoints": np.zeros((2, 3), "float32")}, "keypoints"),
        (np.zeros((4, 5, 1), "uint8"), "image"),
    ],
)
def test_bad_examples(example, name):
    with raises_argument_error(name=name):
        augment.chain(augment.random_flip(), augment.random_colors(hue=0.1))(0, example)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: augment.random_flip("diagonal"), "mode"),
        (lambda: augment.random_crop(0, 3), "height"),
        (lambda: augment.random_crop(3, 3, scale=(0.5, 2.0)), "scale"),
        (lambda: augment.random_crop(3, 3, ratio=(2.0, 1.0)), "ratio"),
        (lambda: augment.resize(3, -1), "width"),
        (lambda: augment.random_affine(rotation=-1), "rotation"),
        (lambda: augment.random_affine(shear=90), "shear"),
        (lambda: augment.random_affine(zoom=(0.0, 1.0)), "zoom"),
        (lambda: augment.random_affine(fill_mode="mirror"), "fill_mode"),
        (lambda: augment.random_colors(brightness=2), "brightness"),
        (lambda: augment.normalize(0.5, 0.0), "std"),
        (lambda: augment.chain(), "functions"),
        (lambda: augment.chain(3), "functions"),
        (lambda: augment.keras_layer(keras.layers.Dense(1)), "layer"),
        (lambda: augment.keras_layer(keras.layers.RandAugment()), "layer"),
        (lambda: augment.random_flip()([1, 2, 3], IMAGE), "seed"),
        (lambda: augment.random_flip()(0.5, IMAGE), "seed"),
    ],
)
def test_bad_arguments(make, name):
    with raises_argument_error(name=name):
        make()
