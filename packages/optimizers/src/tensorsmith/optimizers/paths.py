"""Variables chosen by their paths."""

import re
from collections.abc import Sequence
from typing import Any


def matches(variable: Any, patterns: Sequence[str] | None) -> bool:
    """Whether one of the regular expressions is found in the path of a variable, such as `model/dense_1/kernel`."""
    path = getattr(variable, "path", variable.name)
    return any(re.search(pattern, path) for pattern in patterns or ())
