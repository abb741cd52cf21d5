"""Comparing what two runs of a component returned."""

from collections.abc import Mapping

import keras
import numpy as np

from tensorsmith.core.types import NestedTensors, TensorLike
from tensorsmith.testing.errors import expect

Observations = dict[str, np.ndarray]


def array(tensor: TensorLike) -> np.ndarray:
    """A tensor or variable as an array; unlike keras.ops.convert_to_numpy, also a single bfloat16 number."""
    return np.asarray(keras.ops.convert_to_tensor(tensor).numpy())


def named(label: str, outputs: NestedTensors) -> Observations:
    """The tensors of a nest as arrays, each named after its place."""
    leaves = keras.tree.flatten(outputs)
    return {f"{label}, output {place}": array(leaf) for place, leaf in enumerate(leaves)}


def expect_same(
    first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], tolerance: float, who: str, hint: str = ""
) -> None:
    """Raises ConformanceError unless both hold the same values under the same names.

    Args:
        first: What one way gave.
        second: What the other way gave.
        tolerance: Largest difference, as a part of the largest value where that is above 1.
        who: The two ways, as "eager and tf.function".
        hint: What usually causes a difference.
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
        place = tuple(int(index) for index in worst)
        expect(
            False,
            f"{who} differ at {name}{list(place)}: {a[place]:.7g} and {b[place]:.7g}, "
            f"tolerance {tolerance * scale:.1g}. {hint}",
        )


def expect_finite(values: Mapping[str, np.ndarray], who: str, hint: str = "") -> None:
    """Raises ConformanceError where a value is infinite or not a number."""
    for name, value in values.items():
        expect(bool(np.all(np.isfinite(value.astype("float64")))), f"{who}: {name} is not finite. {hint}")
