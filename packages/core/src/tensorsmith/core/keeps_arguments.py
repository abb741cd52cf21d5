"""Mixin that adds constructor arguments to configs if Keras omits them."""

from typing import Any, ClassVar

BASE: Any = object  # at run time the next base is a Keras class with `get_config`


class KeepsArguments(BASE):
    """Mixin that adds constructor arguments to the config. List it before the Keras class in the base classes.

    Some Keras classes omit an argument from their config, for example `keras.losses.Huber` its `delta`.
    `kept_arguments` names the arguments to add. Their values are the attributes of the same names, and must be
    JSON-serializable.

    Example:
        >>> import keras
        >>> class Identity(KeepsArguments, keras.initializers.Identity):
        ...     kept_arguments = ("gain",)
        >>> keras.initializers.Identity(0.5).get_config(), Identity(0.5).get_config()
        ({}, {'gain': 0.5})
    """

    kept_arguments: ClassVar[tuple[str, ...]]

    def get_config(self) -> dict[str, Any]:
        """Return the config of the base class, extended by the arguments in `kept_arguments`."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self.kept_arguments}}
