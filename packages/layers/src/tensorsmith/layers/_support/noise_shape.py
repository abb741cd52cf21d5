"""Validation of the noise shapes of dropout layers."""

from collections.abc import Sequence

from tensorsmith.core import check, is_integer


def check_noise_shape(noise_shape: Sequence[int | None] | None) -> None:
    """Raises an error unless `noise_shape` is `None` or a sequence of positive integers and `None`."""
    sizes = [] if noise_shape is None else noise_shape
    fits = isinstance(sizes, Sequence) and all(size is None or (is_integer(size) and size > 0) for size in sizes)
    check(fits, "noise_shape", noise_shape, "a sequence of positive integers or None values, or None")
