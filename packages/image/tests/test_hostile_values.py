"""Tests of values of a wrong kind for each argument of all public functions, and of numbers to fill images with."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import image
from tensorsmith.core import ArgumentError
from tensorsmith.image import augment, boxes, utils
from tensorsmith.testing import raises_argument_error

BYTES = np.arange(120, dtype="uint8").reshape(2, 4, 5, 3)
FLOATS = BYTES.astype("float32") / 120
POINTS = np.array([[[1, 1], [2, 3], [3, 1]]], "float32")
IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
BOX = np.array([[1, 1, 3, 3]], "float32")
FILTERED = {"image": BYTES, "filter_shape": 3, "padding": "CONSTANT", "constant_values": 0}
WARPED = {"interpolation": "nearest", "fill_mode": "constant", "fill_value": 0.0}
# Functions and valid values of their arguments.
CALLS = {
    image.adjust_hsv_in_yiq: {"image": FLOATS, "delta_hue": 0.1, "scale_saturation": 1.0, "scale_value": 1.0},
    image.angles_to_projective_transforms: {"angles": 0.1, "image_height": 4, "image_width": 5},
    image.blend: {"image1": FLOATS, "image2": FLOATS, "factor": 0.5},
    image.compose_transforms: {"transforms": [IDENTITY]},
    image.connected_components: {"images": BYTES[..., 0]},
    image.cutout: {"images": BYTES, "mask_size": 2, "offset": (0, 0), "constant_values": 0},
    image.dense_image_warp: {"image": FLOATS, "flow": FLOATS[..., :2]},
    image.equalize: {"image": BYTES, "bins": 256},
    image.euclidean_dist_transform: {"images": BYTES, "dtype": tf.float32},
    image.flat_transforms_to_matrices: {"transforms": IDENTITY},
    image.gaussian_filter2d: {**FILTERED, "sigma": 1.0},
    image.interpolate_bilinear: {"grid": FLOATS, "query_points": FLOATS[:, :, 0, :2], "indexing": "ij"},
    image.interpolate_spline: {
        **{"train_points": POINTS, "train_values": POINTS, "query_points": POINTS},
        **{"order": 1, "regularization_weight": 0.0},
    },
    image.matrices_to_flat_transforms: {"transform_matrices": np.eye(3)},
    image.mean_filter2d: FILTERED,
    image.median_filter2d: FILTERED,
    image.random_cutout: {"images": BYTES, "mask_size": 2, "constant_values": 0, "seed": 1},
    image.random_hsv_in_yiq: {
        **{"image": FLOATS, "max_delta_hue": 0.1, "lower_saturation": 0.5, "upper_saturation": 1.0},
        **{"lower_value": 0.5, "upper_value": 1.0, "seed": 1},
    },
    image.resampler: {"data": FLOATS, "warp": FLOATS[..., :2]},
    image.rotate: {"images": BYTES, "angles": 0.1, **WARPED},
    image.sharpness: {"image": BYTES, "factor": 0.5},
    image.shear_x: {"image": BYTES, "level": 0.1, "replace": 0},
    image.shear_y: {"image": BYTES, "level": 0.1, "replace": 0},
    image.sparse_image_warp: {
        **{"image": FLOATS, "source_control_point_locations": POINTS, "dest_control_point_locations": POINTS + 0.1},
        **{"interpolation_order": 1, "regularization_weight": 0.0, "num_boundary_points": 0},
    },
    image.transform: {"images": BYTES, "transforms": IDENTITY, "output_shape": [4, 4], **WARPED},
    image.translate: {"images": BYTES, "translations": [1.0, 0.0], **WARPED},
    image.translate_xy: {"image": BYTES, "translate_to": [1.0, 0.0], "replace": 0},
    image.translations_to_projective_transforms: {"translations": [1.0, 0.0]},
    utils.unwrap: {"image": BYTES, "replace": 0},
    utils.wrap: {"image": BYTES},
    boxes.anchor_sizes: {"sizes": [[1.0, 2.0], [3.0, 4.0]], "count": 2, "seed": 0},
    boxes.component_boxes: {"images": BYTES[..., 0], "max_output_size": 3},
    boxes.crop_boxes: {"images": FLOATS, "boxes": BOX[[0, 0]][:, np.newaxis], "size": (2, 2)},
    boxes.decode_grid: {"predictions": np.zeros((1, 2, 2, 8)), "anchors": [[2.0, 2.0]], "image_size": (4, 5)},
    boxes.draw: {"image": BYTES[0], "boxes": BOX, "labels": ["a"], "classes": [1], "width": 2},
    boxes.draw_detections: {
        **{"images": BYTES, "detections": np.zeros((2, 1, 6)), "score_threshold": 0.5, "columns": 2, "scale": 1},
    },
    boxes.encode_grid: {
        **{"boxes": BOX[np.newaxis], "classes": [[0]], "anchors": [[2.0, 2.0]]},
        **{"image_size": (4, 5), "grid_size": (2, 2), "num_classes": 3},
    },
    boxes.iou: {"boxes": BOX, "others": BOX, "kind": "iou"},
    boxes.match_anchors: {"anchors": BOX, "boxes": BOX, "positive": 0.5, "negative": 0.4},
    boxes.non_max_suppression: {
        **{"boxes": BOX, "scores": [0.5], "classes": [0], "max_output_size": 3},
        **{"iou_threshold": 0.5, "score_threshold": 0.1, "soft_nms_sigma": 0.0},
    },
    boxes.select_detections: {
        **{"boxes": BOX[np.newaxis], "scores": [[[0.5]]], "max_output_size": 3},
        **{"iou_threshold": 0.5, "score_threshold": 0.1},
    },
    boxes.tile: {"image": BYTES[0], "boxes": BOX, "size": 3, "overlap": 0},
    boxes.untile: {"boxes": BOX[np.newaxis], "offsets": [[0, 0]]},
    augment.normalize: {"mean": 0.5, "std": 0.5},
    augment.random_affine: {
        **{"rotation": 1.0, "translation": 0.0, "zoom": (1.0, 1.0), "shear": 0.0},
        **{"fill_mode": "constant", "fill_value": 0.0},
    },
    augment.random_color_jitter: {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1},
    augment.random_flip: {"mode": "horizontal"},
    augment.random_flip().__call__: {"seed": 1, "example": FLOATS},
    augment.random_resized_crop: {"height": 3, "width": 3, "scale": (0.5, 1.0), "ratio": (0.5, 1.0)},
    augment.resize: {"height": 3, "width": 3, "pad": False},
    augment.keras_layer: {"layer": keras.layers.RandomErasing()},
}
OPTIONAL = {"classes", "offset", "output_shape", "seed"}  # may be None, except for those of the next line
REQUIRED = {boxes.anchor_sizes, boxes.draw, boxes.encode_grid, image.cutout, augment.random_flip().__call__}
PARTS = {"example": "image", "images": "image"}  # other names in messages, as of TensorFlow Addons
OTHERS = {
    "chain",
    "Augmentation",
    "Components",
    "Step",
    "Detections",
    "Selection",
    "Tiles",
}  # no arguments of their own, or tuples


def hostile_values(valid):
    """Yields values that replace a valid one."""
    yield from (None, object(), "a half", ["a", "b"], [[1.0, 2.0], [3.0]], {})
    array = np.asarray(valid) if not isinstance(valid, tf.DType) else np.array("")
    if array.dtype.kind in "fiu":
        yield array.astype("complex64") if array.ndim else 1 + 2j
        yield array.astype(str) if array.ndim else "1.5"


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.__qualname__)
def test_values_of_a_wrong_kind(function):
    """The error names the argument, and is one of this project, not one of Python, NumPy or TensorFlow."""
    function(**CALLS[function])
    for name, valid in CALLS[function].items():
        for value in hostile_values(valid):
            if value is None and name in OPTIONAL and function not in REQUIRED:
                continue
            with pytest.raises(ArgumentError) as caught:
                function(**{**CALLS[function], name: value})
            assert caught.value.name.strip("`") in (name, PARTS.get(name)), value


def test_all_functions_are_tested():
    names = {function.__name__ for function in CALLS}
    assert set(image.__all__ + boxes.__all__ + augment.__all__) - names == OTHERS


FILLED = {
    "constant_values": (image.mean_filter2d, image.median_filter2d, image.gaussian_filter2d, image.cutout,
                        image.random_cutout),
    "fill_value": (image.rotate, image.translate, image.transform),
    "replace": (image.shear_x, image.shear_y, image.translate_xy, utils.unwrap),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "function"),
    [(name, function) for name, functions in FILLED.items() for function in functions],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_numbers_outside_of_the_range_of_the_dtype(name, function):
    """They would wrap around: an image would be filled with 44 instead of 300."""
    arguments = CALLS[function]
    key = next(iter(arguments))
    for dtype, value in (("uint8", 300), ("uint8", -1), ("uint8", float("nan")), ("float16", 1e5)):
        values = {**arguments, key: arguments[key].astype(dtype), name: value}
        with raises_argument_error(name, received=str(value), expected="for images of dtype"):
            function(**values)
    for dtype, value in (("uint8", 255), ("float32", -1e3), ("float16", float("inf"))):
        function(**{**arguments, key: arguments[key].astype(dtype), name: value})


def test_numbers_that_are_unknown_in_graphs():
    def filled(value):
        return image.cutout(BYTES, 2, (1, 1), value)

    filled = tf.function(filled, input_signature=[tf.TensorSpec((), tf.int32)], autograph=False)
    assert filled(255)[0, 0, 0, 0] == 255
    with pytest.raises(tf.errors.InvalidArgumentError, match="constant_values must be from 0 to 255"):
        filled(300)


def test_fill_values_of_augmentations():
    augmentation = augment.random_affine(rotation=10, fill_value=300)
    with raises_argument_error("fill_value", received="300", expected="from 0 to 255"):
        augmentation(1, BYTES)
    augmentation(1, FLOATS)


def test_imaginary_parts_are_not_discarded():
    for function in (image.mean_filter2d, image.gaussian_filter2d, image.sharpness):
        arguments = {**CALLS[function], "image": FLOATS.astype("complex64")}
        with raises_argument_error("image", received="dtype complex64", remedy="tf.math.real(image)"):
            function(**arguments)


def test_misspelled_options_in_graphs(caplog):
    """AutoGraph does not warn of the module that suggests a name."""

    def misspelled():
        return boxes.iou(BOX, BOX, kind="gioo")

    with caplog.at_level("WARNING", "tensorflow"), pytest.raises(ValueError, match="Did you mean giou?"):
        tf.function(misspelled)()
    assert not caplog.records
