"""Tests that arrays of any dtype and layout are copied to tensors without changes."""

import numpy as np
import pytest

from tensorsmith.training._support.tensors import LARGE, to_tensor


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.int32, np.uint8, np.bool_])
@pytest.mark.parametrize("elements", [0, 7, LARGE + 3])
def test_values(dtype, elements):
    array = np.random.default_rng(0).integers(0, 100, (elements, 1)).astype(dtype)
    np.testing.assert_array_equal(to_tensor(array).numpy(), array)


def test_strided_and_read_only_arrays():
    array = np.arange(2 * LARGE, dtype=np.float32).reshape(2, -1).T[::2]
    array.flags.writeable = False
    np.testing.assert_array_equal(to_tensor(array).numpy(), array)


def test_tensor_is_a_copy():
    array = np.zeros(LARGE, np.float32)
    tensor = to_tensor(array)
    array[:] = 1
    assert tensor.numpy().max() == 0


def test_tensors_own_their_memory():
    tensors = [to_tensor(np.full(LARGE, value, np.float32)) for value in range(20)]
    assert [float(tensor[-1]) for tensor in tensors] == list(range(20))
