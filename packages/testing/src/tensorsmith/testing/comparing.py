"""Comparison of the outputs of components."""

from collections.abc import Mapping

import keras
import numpy as np

from tensorsmith.core.types import NestedTensors, TensorLike
from tensorsmith.testing.errors import expect

Observations = dict[str, np.ndarray]


def array(tensor: TensorLike) -> np.ndarray:
    """Returns a tensor or variable as an array. Unlike `keras.ops.convert_to_numpy`, it supports bfloat16 scalars."""
    return np.asarray(keras.ops.convert_to_tensor(tensor).numpy())


def named(label: str, outputs: NestedTensors) -> Observations:
    """Converts nested tensors to a dict of arrays, whose keys consist of a label and the index of the tensor."""
    leaves = keras.tree.flatten(outputs)
    return {f"{label}, output {position}": array(leaf) for position, leaf in enumerate(leaves)}


def expect_same(
    first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], tolerance: float, who: str, hint: str = ""
) -> None:
    """Raises `ConformanceError` unless both mappings have the same keys and approximately the same values.

    Args:
        first: Dict that maps names to the outputs of the first run.
        second: Dict that maps names to the outputs of the second run.
        tolerance: Maximum absolute difference. If the largest absolute value of an output exceeds 1, the tolerance is
            multiplied by this value.
        who: Description of the two runs, such as "eager and tf.function".
        hint: Common cause of differences, appended to the error message.
    """
    expect(first.keys() == second.keys(), f"{who} return different structures: {list(first)} and {list(second)}.")
    for name, one in first.items():
        other = second[name]
        expect(one.shape == other.shape, f"{who} differ in shape at {name}: {one.shape} and {other.shape}. {hint}")
        a, b = one.astype("float64"), other.astype("float64")
        scale = max(1.0, float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a))))
        if np.allclose(a, b, rtol=0.0, atol=tolerance * scale, equal_nan=True):
            continue
        gap = np.where(np.isclose(a, b, rtol=0.0, atol=0.0, equal_nan=True), 0.0, np.abs(a - b))
        worst = np.unravel_index(np.argmax(np.where(np.isnan(gap), np.inf, gap)), gap.shape)
        position = tuple(int(index) for index in worst)
        expect(
            False,
            f"{who} differ at {name}{list(position)}: {a[position]:.7g} and {b[position]:.7g}, "
            f"tolerance {tolerance * scale:.1g}. {hint}",
        )


def expect_finite(values: Mapping[str, np.ndarray], who: str, hint: str = "") -> None:
    """Raises `ConformanceError` if a value is infinite or NaN."""
    for name, value in values.items():
        expect(bool(np.all(np.isfinite(value.astype("float64")))), f"{who}: {name} is not finite. {hint}")
