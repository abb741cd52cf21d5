"""Tests of bad input: shapes, numbers of images and numbers, in eager mode and in graphs."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import image, ops
from tensorsmith.testing import raises_argument_error

BATCH = tf.ones((2, 4, 5, 3))
IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
POINTS = tf.constant([[[1.0, 1.0], [2.0, 3.0], [3.0, 1.0]]])


def test_one_argument_for_each_image():
    for name, function in {
        "transforms": lambda: image.transform(BATCH, [IDENTITY] * 3),
        "angles": lambda: image.rotate(BATCH, [0.1, 0.2, 0.3]),
        "translations": lambda: image.translate(BATCH, tf.zeros((3, 2))),
        "offset": lambda: image.cutout(BATCH, 2, tf.zeros((3, 2), tf.int32)),
        "query_points": lambda: image.interpolate_bilinear(BATCH, tf.zeros((3, 7, 2))),
        "source_control_point_locations": lambda: image.sparse_image_warp(BATCH, *[tf.repeat(POINTS, 3, 0)] * 2),
    }.items():
        with raises_argument_error(name, received="size 3", expected="have size 1 or 2"):
            function()


def test_sizes_that_are_not_positive():
    for shape in ((2, 0, 5, 3), (2, 4, 0, 3), (0, 0)):
        with raises_argument_error("images", expected="have a positive height and width"):
            image.transform(tf.ones(shape), IDENTITY)
    with raises_argument_error("output_shape", received="[-3, 3]", expected="positive"):
        image.transform(BATCH, IDENTITY, output_shape=[-3, 3])
    with raises_argument_error("image", received="shape (1, 5)", expected="have a height and width of at least 2"):
        image.sparse_image_warp(tf.ones((1, 5)), POINTS, POINTS)


@pytest.mark.parametrize("padding", ["REFLECT", "CONSTANT"])
@pytest.mark.parametrize("shape", [(2, 0, 5, 3), (2, 4, 0, 3), (2, 4, 5, 0), (0, 4, 5, 3), (0, 0)])
def test_images_without_pixels(shape, padding):
    """Images without pixels or channels remain as they are, also if this is not known when the graph is traced."""
    for function in (
        lambda images: image.mean_filter2d(images, 4, padding),
        lambda images: image.median_filter2d(images, 4, padding),
        lambda images: image.gaussian_filter2d(images, 4, 1.0, padding),
        lambda images: image.sharpness(images, 0.5),
    ):
        unknown = tf.function(function, input_signature=[tf.TensorSpec(None)])
        assert function(tf.ones(shape)).shape == unknown(tf.ones(shape)).shape == shape


def test_static_shapes_in_graphs_do_not_depend_on_earlier_calls():
    shapes = ((4, 5), (4, 5, 3), (2, 4, 5, 3), (6, 7))
    for shape in shapes:
        image.mean_filter2d(tf.ones(shape))
    for shape in shapes:
        data = tf.data.Dataset.from_tensors(tf.ones(shape)).map(image.mean_filter2d)
        assert data.element_spec.shape == shape
        with pytest.raises(ValueError, match="`image` must be 2/3/4D tensor, got shape"):
            image.mean_filter2d(tf.ones(3))


def test_ranks_that_are_unknown_in_graphs():
    for function, message in (
        (lambda images: image.adjust_hsv_in_yiq(images, 0.1), "input must"),
        (lambda images: image.translate_xy(images, [1, 2], 0), "image must have three or four axes"),
        (lambda images: image.shear_x(images, 0.1, 0), "image must have three or four axes"),
    ):
        unknown = tf.function(function, input_signature=[tf.TensorSpec(None)])
        np.testing.assert_allclose(unknown(BATCH), function(BATCH), rtol=1e-6)
        for shape in ((), (3,), (5, 3)):
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                unknown(tf.ones(shape))
    for function, values, message in (
        (image.connected_components, tf.constant([[1, 0, 1]]), "images must have shape"),
        (lambda angles: image.angles_to_projective_transforms(angles, 4, 5), tf.constant(0.3), "angles must have rank"),
        (image.translations_to_projective_transforms, tf.constant([1.0, 2.0]), "translations must have shape"),
        (image.flat_transforms_to_matrices, tf.constant(IDENTITY), "transforms must have shape"),
        (image.matrices_to_flat_transforms, tf.eye(3), "transform_matrices must have shape"),
    ):
        unknown = tf.function(function, input_signature=[tf.TensorSpec(None, values.dtype)])
        for batch in (values, tf.stack([values, values])):
            np.testing.assert_allclose(unknown(batch), function(batch), rtol=1e-6)
        for wrong in (tf.ones((1, 2, 3, 3), values.dtype), *([tf.ones((), values.dtype)] if values.shape.rank else [])):
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                unknown(wrong)
    for function in (image.flat_transforms_to_matrices, image.matrices_to_flat_transforms):
        unknown = tf.function(function, input_signature=[tf.TensorSpec(None)])
        with pytest.raises(tf.errors.InvalidArgumentError, match="must have shape"):
            unknown(tf.ones((2, 7)))
    unknown = tf.function(image.adjust_hsv_in_yiq, input_signature=[tf.TensorSpec(None)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="input must have 3 channels"):
        unknown(tf.ones((4, 5, 2)))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_positions_of_unknown_rank(choice):
    """The results are those of known shapes, bit by bit."""
    images, points = (tf.random.stateless_uniform(shape, (1, 2)) for shape in ((2, 4, 5, 3), (2, 7, 2)))
    flow = tf.random.stateless_uniform((2, 4, 5, 2), (3, 4))
    for function, inputs, messages in (
        (image.interpolate_bilinear, (images, 3 * points), ("Grid must be 4D Tensor", "Query points must be 3")),
        (image.dense_image_warp, (images, flow), ("image must have rank 4", "flow must have shape")),
        (image.resampler, (images, 3 * points), ("data must have rank 4", "warp must have shape")),
    ):
        with ops.use(choice):
            unknown = tf.function(function, input_signature=[tf.TensorSpec(None)] * 2)
            np.testing.assert_array_equal(unknown(*inputs), function(*inputs))
            for shape in ((), (3,)):
                with pytest.raises(tf.errors.InvalidArgumentError, match=messages[0]):
                    unknown(tf.ones(shape), inputs[1])
            with pytest.raises(tf.errors.InvalidArgumentError, match=messages[1]):
                unknown(images, tf.ones(2))


def test_colors():
    for function in (image.cutout, image.random_cutout):
        with raises_argument_error("mask_size", received="2.5", expected="an integer"):
            function(BATCH, 2.5)
        with raises_argument_error("mask_size", expected="non-negative"):
            function(BATCH, -2)
    with raises_argument_error("offset", received="(1.5, 2.0)", expected="an integer"):
        image.cutout(BATCH, 2, (1.5, 2.0))
    np.testing.assert_array_equal(image.cutout(BATCH, np.int64(2), tf.constant([1, 1], tf.int64))[:, :2, :2], 0)
    with raises_argument_error("factor", received="shape (2,)", expected="a number"):
        image.sharpness(BATCH, [0.1, 0.2])
    with raises_argument_error("sigma", received="'a half'", expected="a number or a pair of numbers"):
        image.gaussian_filter2d(BATCH, 3, "a half")
    for wrong in ("a half", None):
        with raises_argument_error("factor", received=repr(wrong), expected="a number"):
            image.sharpness(BATCH, wrong)
    with raises_argument_error("image2", received="shape (4, 5)", expected="have the shape (2, 3) of image1"):
        image.blend(tf.ones((2, 3)), tf.ones((4, 5)), 0.5)
    with raises_argument_error("delta_hue", received="shape (2,)", expected="a number"):
        image.adjust_hsv_in_yiq(BATCH, [0.1, 0.2])
    with raises_argument_error("image", received="bool", expected="of a floating-point or integer dtype"):
        image.adjust_hsv_in_yiq(tf.ones((4, 5, 3), tf.bool))
    with raises_argument_error("lower_value", received="2", expected="<= upper_value, which is 1"):
        image.random_hsv_in_yiq(BATCH, lower_value=2)


def test_warps():
    with raises_argument_error("image", received="shape (4, 5, 3)", expected="have shape"):
        image.dense_image_warp(BATCH[0], tf.zeros((4, 5, 2)))
    for shape in ((2, 4, 5, 3), (2, 5, 4, 2), (1, 4, 5, 2), (4, 5, 2)):
        with raises_argument_error("flow", received=f"shape {shape}", expected="have shape (2, 4, 5, 2)"):
            image.dense_image_warp(BATCH, tf.zeros(shape))
    unknown = tf.function(image.dense_image_warp, input_signature=[tf.TensorSpec(None)] * 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="flow must have shape"):
        unknown(BATCH, tf.zeros((1, 4, 5, 2)))
    with raises_argument_error("translate_to", received="shape (3, 2)", expected="have shape (2,)"):
        image.translate_xy(BATCH, tf.zeros((3, 2)), 0)


def test_control_points():
    for points, name, expected in (
        ((POINTS[0], POINTS[0]), "source_control_point_locations", "have shape (batch, points, 2)"),
        ((tf.cast(POINTS, tf.int32),) * 2, "source_control_point_locations", "float32 or float64"),
        ((POINTS, POINTS[:, :2]), "dest_control_point_locations", "have the shape (1, 3, 2)"),
        ((POINTS, tf.cast(POINTS, tf.float64)), "dest_control_point_locations", "have the shape (1, 3, 2)"),
    ):
        with raises_argument_error(name, expected=expected):
            image.sparse_image_warp(BATCH, *points)
    with raises_argument_error("interpolation_order", received="0", expected="a positive integer"):
        image.sparse_image_warp(BATCH, POINTS, POINTS, 0)
    values = tf.ones((1, 3, 1))
    with raises_argument_error("train_values", received="shape (1, 4, 1)", expected="have shape (1, 3, None)"):
        image.interpolate_spline(POINTS, tf.ones((1, 4, 1)), POINTS, 1)
    with raises_argument_error("query_points", received="shape (1, 2, 3)", expected="have shape (None, None, 2)"):
        image.interpolate_spline(POINTS, values, tf.zeros((1, 2, 3)), 1)
    with raises_argument_error("train_values", received="float64", expected="of dtype float32"):
        image.interpolate_spline(POINTS, tf.cast(values, tf.float64), POINTS, 1)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_splines_in_graphs_equal_those_in_eager_mode(order):
    points, values = np.random.default_rng(0).random((2, 1, 8, 2), dtype=np.float32)
    positions = np.random.default_rng(1).random((1, 50, 2), dtype=np.float32)
    graph = tf.function(image.interpolate_spline, autograph=False)
    eager = image.interpolate_spline(points, values, positions, order)
    np.testing.assert_array_equal(graph(points, values, positions, order), eager)
