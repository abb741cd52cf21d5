"""Tests of the conversion between images with two, three and four axes."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.image import utils

RNG = np.random.default_rng(0)
SHAPES = [(3, 4), (3, 4, 2), (5, 3, 4, 2), (0, 3, 4, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_round_trip(shape):
    array = RNG.random(shape)
    batch = utils.to_4D_image(array)
    expected = {2: lambda: array[None, :, :, None], 3: lambda: array[None], 4: lambda: array}[len(shape)]()
    np.testing.assert_array_equal(batch, expected)
    assert utils.get_ndims(tf.constant(array)) == len(shape)
    for ndims in (len(shape), tf.constant(len(shape))):
        np.testing.assert_array_equal(utils.from_4D_image(batch, ndims), array)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float64)])
    def traced(image):
        batch = utils.to_4D_image(image)
        assert batch.shape.rank == 4
        return batch, utils.from_4D_image(batch, utils.get_ndims(image))

    batch, back = traced(array)
    np.testing.assert_array_equal(batch, expected)
    np.testing.assert_array_equal(back, array)


def test_wrong_ranks():
    for shape in ((3,), (1, 2, 3, 4, 5), ()):
        with pytest.raises(ValueError, match="`image` must be 2/3/4D tensor"):
            utils.to_4D_image(tf.zeros(shape))
    with pytest.raises(ValueError, match="`image` must be 4D tensor"):
        utils.from_4D_image(tf.zeros((2, 3)), 2)
    with pytest.raises(ValueError, match="ndims must be 2, 3 or 4, got 5"):
        utils.from_4D_image(tf.zeros((2, 3, 4, 1)), 5)
    with pytest.raises(tf.errors.InvalidArgumentError):
        utils.from_4D_image(tf.zeros((2, 3, 4, 1)), 2)


def test_wrap_and_unwrap():
    array = RNG.integers(0, 9, (3, 4, 2)).astype("float32")
    wrapped = utils.wrap(array).numpy()
    np.testing.assert_array_equal(wrapped[..., 2], np.ones((3, 4)))
    wrapped[1, 2, 2] = 0
    found = utils.unwrap(wrapped, [5, 6])
    array[1, 2] = 5, 6
    np.testing.assert_array_equal(found, array)
