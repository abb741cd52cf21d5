"""Augmentations: images compared with SciPy and TensorFlow, and with their own boxes, masks and keypoints."""

import math

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tensorsmith.image import adjust_hsv_in_yiq, augment
from tensorsmith.image.augment.keras_layer import PRESERVING
from tensorsmith.testing import raises_argument_error

GEOMETRIC = {
    "flip": augment.random_flip("horizontal_and_vertical"),
    "crop": augment.random_resized_crop(50, 30, scale=(0.6, 1.0)),
    "resize": augment.resize(50, 30),
    "pad": augment.resize(60, 60, pad=True),
    "affine": augment.random_affine(rotation=40, translation=0.1, zoom=(0.7, 1.3), shear=15),
    "chain": augment.chain(
        augment.random_affine(rotation=20, fill_mode="nearest"),
        augment.random_flip(),
        augment.random_resized_crop(40, 50, (0.7, 1)),
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
    mode = "nearest" if fill_mode == "constant" else fill_mode
    expected = [
        scipy.ndimage.affine_transform(channel.astype("float64"), matrix[::-1, ::-1], offset[::-1], order=1, mode=mode)
        for channel in np.moveaxis(image, -1, 0)
    ]
    expected = np.stack(expected, -1)
    if fill_mode == "constant":
        rows, columns = np.indices((20, 30))
        x, y = np.moveaxis(np.stack([columns, rows], -1) @ matrix.T + offset, -1, 0)
        outside = (x < -0.5) | (x > 29.5) | (y < -0.5) | (y > 19.5)
        expected[outside] = 0.3
        assert outside.mean() < 0.98
    np.testing.assert_allclose(augmentation(seed, image), expected, atol=2e-4)


def is_uniform(values, low, high):
    return scipy.stats.kstest(values, "uniform", args=(low, high - low)).pvalue > 0.01


def test_affine_transforms_have_the_required_distribution():
    count, height, width = 3000, 100, 200
    augmentation = augment.random_affine(rotation=30, translation=0.2, zoom=(0.5, 4), shear=20)
    points = np.array([[0, 0], [width, 0], [0, height], [width / 2, height / 2]])
    example = {"image": np.zeros((count, height, width, 1), "uint8"), "keypoints": np.tile(points, (count, 1, 1))}
    moved = augmentation(4, example)["keypoints"].numpy().astype("float64")
    shift = moved[:, 3] - points[3]
    forward = np.stack([(moved[:, 1] - moved[:, 0]) / width, (moved[:, 2] - moved[:, 0]) / height], axis=-1)
    # The first column is the rotated and magnified x axis, and the second one its multiple plus the rotated y axis.
    inverse = np.linalg.inv(forward)
    factor = np.hypot(inverse[:, 0, 0], inverse[:, 1, 0])
    angle = np.arctan2(inverse[:, 1, 0], inverse[:, 0, 0])
    tilt = np.arctan((inverse[:, :, 0] * inverse[:, :, 1]).sum(axis=1) / factor**2)
    np.testing.assert_allclose(np.linalg.det(inverse), factor**2, rtol=1e-3)
    assert is_uniform(np.degrees(angle), -30, 30)
    assert is_uniform(-np.log(factor), np.log(0.5), np.log(4))
    assert is_uniform(np.degrees(tilt), -20, 20)
    assert is_uniform(shift[:, 0] / width, -0.2, 0.2)
    assert is_uniform(shift[:, 1] / height, -0.2, 0.2)
    parameters = np.corrcoef([angle, np.log(factor), tilt, *shift.T])
    assert np.abs(parameters - np.eye(5)).max() < 0.08  # 4 standard errors


def test_colors_have_the_required_distribution():
    """The color map of each image is solved from four colors that differ little, so that none is clipped."""
    colors = np.full((4, 1, 3), 0.5)
    colors[1:, 0] += 0.02 * np.eye(3)
    images = np.tile(colors, (2000, 1, 1, 1)).astype("float32")

    def color_maps(**options):
        augmented = augment.random_color_jitter(**options)(5, images).numpy().astype("float64")[:, :, 0]
        return (augmented[:, 1:] - augmented[:, :1]).transpose(0, 2, 1) / 0.02, augmented[:, 0]

    maps, gray = color_maps(brightness=0.1, contrast=0.8)
    assert is_uniform(gray[:, 0] - 0.5, -0.1, 0.1)
    assert is_uniform(maps[:, 0, 0], 0.2, 1.8)
    maps, gray = color_maps(saturation=0.9, hue=0.2)
    np.testing.assert_allclose(gray, 0.5, atol=1e-5)
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    in_yiq = to_yiq @ maps @ np.linalg.inv(to_yiq)
    np.testing.assert_allclose(in_yiq[:, 0], np.tile([1, 0, 0], (2000, 1)), atol=1e-3)  # the luminance is preserved
    assert is_uniform(np.hypot(in_yiq[:, 1, 1], in_yiq[:, 2, 1]), 0.1, 1.9)
    assert is_uniform(np.arctan2(in_yiq[:, 2, 1], in_yiq[:, 1, 1]) / (2 * np.pi), -0.2, 0.2)


def test_steps_of_a_chain_are_independent():
    images = np.tile(np.array([[[1], [2]]], "uint8"), (1000, 1, 1, 1))
    twice = augment.chain(augment.random_flip(), augment.random_flip())(1, images).numpy()
    assert scipy.stats.binomtest(int((twice[:, 0, 0, 0] == 2).sum()), 1000, 0.5).pvalue > 0.01


@pytest.mark.parametrize(("size", "new"), [((10, 12), (25, 7)), ((9, 5), (9, 5)), ((1, 1), (3, 4))])
def test_resize_matches_tensorflow(size, new, rng):
    image = rng.uniform(0, 1, (*size, 3)).astype("float32")
    np.testing.assert_allclose(augment.resize(*new)(0, image), tf.image.resize(image, new), atol=1e-5)


@pytest.mark.parametrize(("width", "limits"), [(100, (0.8, 1.25)), (400, (0.8, 1.25))])
def test_crops_have_the_required_distribution(width, limits):
    augmentation = augment.random_resized_crop(10, 10, scale=(0.1, 0.2), ratio=limits)
    images = np.zeros((2000, 100, width, 1), "uint8")
    corners = np.tile(np.array([[0, 0], [width, 100]], "float32"), (2000, 1, 1))
    moved = augmentation(3, {"image": images, "keypoints": corners})["keypoints"].numpy()
    crop_width, crop_height = (10 * np.array([width, 100]) / (moved[:, 1] - moved[:, 0])).T
    left, top = (-moved[:, 0] * np.stack([crop_width, crop_height], 1) / 10).T
    assert is_uniform(crop_width * crop_height / (100 * width), 0.1, 0.2)
    assert is_uniform(np.log(crop_width / crop_height), *np.log(limits))
    assert is_uniform(left / (width - crop_width), 0, 1)
    assert is_uniform(top / (100 - crop_height), 0, 1)


def test_crops_that_do_not_fit_keep_their_area():
    images, corners = np.zeros((500, 100, 400, 1), "uint8"), np.tile([[0.0, 0], [400, 100]], (500, 1, 1))
    crop = augment.random_resized_crop(10, 10, scale=(0.5, 1.0))
    moved = crop(3, {"image": images, "keypoints": corners})["keypoints"].numpy()
    width, height = (10 * np.array([400, 100]) / (moved[:, 1] - moved[:, 0])).T
    assert is_uniform(width * height / 40_000, 0.5, 1)
    np.testing.assert_allclose(height, 100, rtol=1e-3)  # the nearest ratio that fits


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


def test_contrast_is_changed_about_medium_gray():
    image = np.array([[[0], [64], [128], [255]]], "uint8")
    augmented = augment.random_color_jitter(contrast=0.7)(2, image).numpy()[0, :, 0].astype("float64")
    factor = (augmented[2] - augmented[1]) / 64
    np.testing.assert_allclose(augmented, np.clip((image[0, :, 0] - 127.5) * factor + 127.5, 0, 255), atol=1.1)


def test_hue_and_saturation_match_the_yiq_transform(rng):
    image = rng.uniform(0.3, 0.7, (8, 8, 3)).astype("float32")
    augmented = augment.random_color_jitter(saturation=0.3, hue=0.1)(1, image).numpy()

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


@pytest.mark.parametrize("first", [augment.random_flip(), augment.random_color_jitter(brightness=0.3)])
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


def test_color_and_edge_of_the_fill():
    """A change of colors does not affect margins that are added later, and an enlarged image has no dark edge."""
    padded = augment.chain(augment.random_color_jitter(brightness=0.4), augment.resize(2, 4, pad=True))
    image = np.full((2, 2, 1), 100, "uint8")
    assert (padded(1, image).numpy()[:, [0, 3]] == 0).all()
    enlarged = augment.chain(augment.resize(4, 4), augment.random_affine())
    np.testing.assert_array_equal(enlarged(0, np.ones((2, 2, 1), "float32")), np.ones((4, 4, 1)))


@pytest.mark.parametrize(("size", "new"), [((2, 2), (4, 8)), ((10, 4), (20, 20)), ((6, 9), (6, 9))])
def test_padded_resize_matches_tensorflow(size, new, rng):
    image = rng.uniform(0.5, 1, (*size, 3)).astype("float32")
    expected = tf.image.resize_with_pad(image, *new)
    np.testing.assert_allclose(augment.resize(*new, pad=True)(0, image), expected, atol=1e-5)


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
    augmentation = augment.chain(
        augment.random_resized_crop(6, 4), augment.random_affine(10), augment.normalize(0.5, 0.5)
    )
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


@pytest.mark.parametrize("name", PRESERVING)
def test_keras_layers_that_preserve_the_geometry(name, rng):
    """The layer is called with a float image, whose result is rounded, and draws from the given seed only."""
    options = {"AutoContrast": {}, "RandomPosterization": {"factor": 3}, "Solarization": {"addition_factor": 0.5}}
    values = {} if name == "RandomGrayscale" else {"value_range": (0, 255)}
    layer = getattr(keras.layers, name)(**options.get(name, {"factor": 0.9}), **values)
    augmentation = augment.keras_layer(layer)
    image = rng.integers(60, 200, (8, 8, 3)).astype("uint8")
    once, again = augmentation(1, {"image": image, "boxes": [[1.0, 2, 3, 4]]}), augmentation(1, image)
    assert once["image"].dtype == tf.uint8
    np.testing.assert_array_equal(once["image"], again)
    np.testing.assert_array_equal(once["boxes"], [[1, 2, 3, 4]])
    results = {augmentation(seed, image).numpy().tobytes() for seed in range(8)}
    assert results != {image.tobytes()}


def test_keras_layers_clip_integers():
    brighter = augment.keras_layer(keras.layers.RandomBrightness((0.5, 0.5), value_range=(0, 255)))
    np.testing.assert_array_equal(brighter(0, np.full((2, 2, 3), 200, "uint8")), np.full((2, 2, 3), 255))


def test_elements_of_datasets_with_labels():
    images, labels = np.zeros((4, 6, 6, 3), "uint8"), np.arange(4)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    seeds = tf.data.Dataset.random(1).batch(2, drop_remainder=True)
    erase = augment.keras_layer(keras.layers.RandomErasing(value_range=(0, 255)))
    for function in (augment.chain(augment.random_flip(), erase), erase):
        mapped = tf.data.Dataset.zip(seeds, dataset).map(lambda seed, element: function(seed, *element))  # noqa: B023
        assert [int(label) for _, label in mapped] == [0, 1, 2, 3]
        assert mapped.element_spec[0].shape == (6, 6, 3)


def test_images_without_boxes():
    augmented = augment.random_flip()(1, {"image": tf.zeros((3, 4, 1)), "boxes": [], "keypoints": []})
    assert (augmented["boxes"].shape, augmented["keypoints"].shape) == ((0, 4), (0, 2))


def test_boxes_outside_have_no_area():
    crop = augment.random_resized_crop(10, 10, scale=(0.01, 0.02))
    corner = [[0.0, 0.0, 1.0, 1.0], [99.0, 99.0, 100.0, 100.0], [0.0, 0.0, 0.0, 0.0]]
    boxes = crop(2, {"image": np.zeros((100, 100, 1), "uint8"), "boxes": corner})["boxes"].numpy()
    assert ((boxes >= 0) & (boxes <= 10)).all()
    np.testing.assert_allclose((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 0, atol=1e-6)


@geometric
def test_unused_rows_of_boxes_remain_0(name):
    boxes = np.zeros((2, 3, 4), "float32")
    boxes[:, 0] = (2, 3, 9, 8)
    example = {"image": np.zeros((2, 16, 20, 3), "uint8"), "boxes": boxes}
    moved = [GEOMETRIC[name](seed, example)["boxes"].numpy() for seed in range(4)]
    assert not np.any([result[:, 1:] for result in moved])
    assert np.any([result[:, 0] for result in moved])


@pytest.mark.parametrize("batch", [0, 2])
def test_empty_batches_and_images_without_pixels(batch):
    example = {"image": np.zeros((batch, 0, 5, 3), "uint8"), "boxes": np.zeros((batch, 0, 4), "float32")}
    result = augment.random_affine(10)(0, example)
    assert result["image"].shape == (batch, 0, 5, 3)
    assert result["boxes"].shape == (batch, 0, 4)
    assert augment.resize(3, 4)(0, example)["image"].shape == (batch, 3, 4, 3)


IMAGE, BOX = np.zeros((4, 5, 3), "uint8"), np.zeros((1, 4), "float32")


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
        (np.zeros((64, 28, 28), "uint8"), "image"),  # a batch without channels
        ({"image": IMAGE, "mask": np.zeros((4, 5), "uint8")}, "example"),
        ({"image": IMAGE, "masks": np.zeros((4, 5), "int16")}, "masks"),
    ],
)
def test_bad_examples(example, name):
    with raises_argument_error(name=name):
        augment.chain(augment.random_flip(), augment.random_color_jitter(hue=0.1))(0, example)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: augment.random_flip("diagonal"), "mode"),
        (lambda: augment.random_resized_crop(0, 3), "height"),
        (lambda: augment.random_resized_crop(3, 3, scale=(0.5, 2.0)), "scale"),
        (lambda: augment.random_resized_crop(3, 3, ratio=(2.0, 1.0)), "ratio"),
        (lambda: augment.resize(3, -1), "width"),
        (lambda: augment.random_affine(rotation=-1), "rotation"),
        (lambda: augment.random_affine(shear=90), "shear"),
        (lambda: augment.random_affine(zoom=(0.0, 1.0)), "zoom"),
        (lambda: augment.random_affine(fill_mode="mirror"), "fill_mode"),
        (lambda: augment.random_color_jitter(brightness=2), "brightness"),
        (lambda: augment.normalize(0.5, 0.0), "std"),
        (lambda: augment.chain(), "functions"),
        (lambda: augment.chain(3), "functions"),
        (lambda: augment.keras_layer(keras.layers.Dense(1)), "layer"),
        (lambda: augment.keras_layer(keras.layers.RandAugment()), "layer"),
        (lambda: augment.keras_layer(keras.layers.MixUp()), "layer"),
        (lambda: augment.keras_layer(keras.layers.RandomRotation(0.1))(0, {"image": IMAGE, "boxes": BOX}), "example"),
        (lambda: augment.chain(augment.normalize(0, 1), augment.random_flip(), augment.normalize(0, 1)), "functions"),
        (lambda: augment.normalize([0.5, 0.5], 1)(0, IMAGE), "mean"),
        (lambda: augment.random_affine(rotation="a"), "rotation"),
        (lambda: augment.random_flip()([1, 2, 3], IMAGE), "seed"),
        (lambda: augment.random_flip()(0.5, IMAGE), "seed"),
    ],
)
def test_bad_arguments(make, name):
    with raises_argument_error(name=name):
        make()
