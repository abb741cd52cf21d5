"""Values that Keras does not look into."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Opaque:
    """Container of a value that Keras must neither track as an attribute nor convert as an argument of a layer.

    Attributes:
        value: The value.
    """

    value: Any
