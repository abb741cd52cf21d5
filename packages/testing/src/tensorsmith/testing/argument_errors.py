"""Context manager for tests of errors that report an invalid argument."""

import contextlib
import re
from collections.abc import Iterator

import pytest

from tensorsmith.core import ArgumentError


@contextlib.contextmanager
def raises_argument_error(
    name: str, *, received: str = "", expected: str = "", remedy: str = ""
) -> Iterator[pytest.ExceptionInfo[ValueError]]:
    """Context manager that expects an `ArgumentError` with the given attributes, regardless of its message.

    Keras and AutoGraph replace an error inside a layer by a copy without attributes. The original error is compared in
    this case.

    Args:
        name: Name of the invalid argument.
        received: String that the description of the received value must contain.
        expected: String that the description of the expected value must contain.
        remedy: String that the advice on how to fix the error must contain.

    Raises:
        AssertionError: If the error is not an `ArgumentError`, or if one of its attributes differs.

    Example:
        >>> from tensorsmith.core import check
        >>> with raises_argument_error("rate", received="1.5", expected="[0, 1)"):
        ...     check(0 <= 1.5 < 1, "rate", 1.5, "a number in [0, 1)")
    """
    __tracebackhide__ = True
    with pytest.raises(ValueError, match=re.escape(name)) as caught:
        yield caught
    error: BaseException | None = caught.value
    while error is not None and not (isinstance(error, ArgumentError) and error.name):
        error = error.__context__
    assert isinstance(error, ArgumentError), f"Expected an ArgumentError, got {caught.value!r}"
    assert error.name == name, f"Expected an error about {name}, got: {error}"
    for attribute, part in {"received": received, "expected": expected, "remedy": remedy}.items():
        assert part in getattr(error, attribute), f"Expected {part!r} in `{attribute}`, got: {error}"
