"""Helper that collects the constructor arguments of a component for its config."""

from collections.abc import Mapping
from typing import Any


def init_arguments(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dict of the arguments of a constructor, given its `locals()`. Call it in the first statement.

    A constructor that forwards many arguments to its base class can then list each of them once, in its signature.

    Args:
        scope: Result of `locals()` in the constructor. The entries of `kwargs` are merged into the returned dict.

    Example:
        >>> class Base:
        ...     def __init__(self, units, rate=0.5, name=None):
        ...         self.units, self.rate, self.name = units, rate, name
        >>> class Derived(Base):
        ...     def __init__(self, units=3, rate=0.1, **kwargs):
        ...         super().__init__(**init_arguments(locals()))
        >>> derived = Derived(4, name="first")
        >>> derived.units, derived.rate, derived.name
        (4, 0.1, 'first')
    """
    named = {name: value for name, value in scope.items() if name not in ("self", "kwargs", "__class__")}
    return {**named, **scope.get("kwargs", {})}
