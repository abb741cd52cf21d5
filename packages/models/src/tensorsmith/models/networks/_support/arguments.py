"""Checks of the arguments that the network builders share."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from tensorsmith.core import Verbatim, check, did_you_mean, is_integer, is_number

Size = TypeVar("Size")


def chosen_size(size: Any, sizes: Mapping[str, Size]) -> Size:
    """Return the row of the table of sizes with the given name."""
    check_option("size", size, sizes)
    return sizes[size]


def check_option(name: str, value: Any, options: Collection[str]) -> None:
    """Raise an error if an argument is not one of several strings."""
    expected = f"one of {', '.join(map(repr, options))}"
    check(isinstance(value, str) and value in options, name, value, expected, did_you_mean(str(value), options))


def check_network(
    input_shape: Any,
    classes: Any,
    width: Any = 1.0,
    smallest: int = 1,
    fixed: bool = False,
    remedy: str = "",
    name: str = "input_shape",
) -> None:
    """Raise an error if the shape of the images, the number of classes or the width is invalid.

    Args:
        input_shape: Height, width and channels of the images. Height and width may be `None`, unless `fixed`.
        classes: Number of classes, or `None`.
        width: Factor of the numbers of filters.
        smallest: Smallest height and width that the network supports.
        fixed: If `True`, the network has dense layers after a flatten layer, so that the image size must be known.
        remedy: Sentence that is added to the error for images that are too small.
        name: Name of the argument with the shape of the images.
    """
    valid = isinstance(input_shape, tuple | list) and len(input_shape) == 3 and _is_positive(input_shape[2])
    valid = valid and all(side is None or _is_positive(side) for side in input_shape[:2])
    check(valid, name, input_shape, "(height, width, channels) with positive integers")
    sides = tuple(input_shape[:2])
    if fixed and classes is not None:
        check(None not in sides, name, tuple(input_shape), "have a known height and width")
    small = any(side is not None and side < smallest for side in sides)
    check(not small, name, tuple(input_shape), f"at least {smallest} pixels high and wide", remedy)
    check(classes is None or _is_positive(classes), "classes", classes, "a positive integer or None")
    check(is_number(width) and width > 0, "width", width, "a positive number")


def check_transformer(width: Any, blocks: Any, dropout: Any) -> None:
    """Raise an error if the width, the number of blocks or the dropout rate of a Transformer is invalid."""
    check(is_number(width) and width > 0, "width", width, "a positive number")
    check(blocks is None or _is_positive(blocks), "blocks", blocks, "a positive integer or None")
    check_dropout(dropout)


def check_dropout(dropout: Any) -> None:
    """Raise an error if a dropout rate is invalid."""
    check(is_number(dropout) and 0 <= dropout < 1, "dropout", dropout, "in [0, 1)")


def check_filters(filters: Any) -> None:
    """Raise an error if the numbers of filters are invalid."""
    valid = isinstance(filters, tuple | list) and len(filters) > 0
    valid = valid and all(_is_positive(count) for count in filters)
    check(valid, "filters", filters, "a tuple of positive integers")


def check_multiples(name: str, shape: Any, stride: int) -> None:
    """Raise an error if the height or the width of images is unknown or is not a multiple of the stride."""
    check(None not in shape[:2], name, tuple(shape), "have a known height and width")
    divisible = shape[0] % stride == 0 and shape[1] % stride == 0
    check(divisible, name, tuple(shape), f"a height and width that are multiples of {stride}")


def end_point(backbone: Any, stride: int) -> Any:
    """Return the feature maps of a backbone with the given stride."""
    outputs = getattr(backbone, "output", None)
    name = f"stride_{stride}"
    known = outputs if isinstance(outputs, Mapping) else {}
    received = Verbatim(f"a model with the outputs {', '.join(known)}" if known else repr(backbone))
    remedy = "build it with `classes=None`"
    check(name in known, "backbone", received, f"a model with the output {name}", remedy)
    return known[name]


def _is_positive(number: Any) -> bool:
    return is_integer(number) and number > 0
