"""Arguments that Keras leaves out of configs."""

from typing import Any, ClassVar

BASE: Any = object  # in place of the Keras class that it stands before, whose `get_config` it calls


class KeepsArguments(BASE):
    """Mixin that adds arguments to a config; it stands before a Keras class among the bases.

    Some classes of Keras forget an argument when a model is saved: `keras.losses.Huber` its `delta`, for one. The
    arguments to add are named in `kept_arguments`; their values are attributes of the same names, which JSON can hold.

    Example:
        >>> import keras
        >>> class Identity(KeepsArguments, keras.initializers.Identity):
        ...     kept_arguments = ("gain",)
        >>> keras.initializers.Identity(0.5).get_config(), Identity(0.5).get_config()
        ({}, {'gain': 0.5})
    """

    kept_arguments: ClassVar[tuple[str, ...]]

    def get_config(self) -> dict[str, Any]:
        """Return all arguments."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self.kept_arguments}}
