"""Registration of the components of all tensorsmith packages for Keras serialization."""

from importlib.metadata import entry_points

from tensorsmith.core.quiet import load_tensorflow

GROUP = "tensorsmith.components"


def register() -> None:
    """Import all installed component packages, so that Keras can load any model that uses them.

    A package names its module in the entry-point group `tensorsmith.components`:

        [project.entry-points."tensorsmith.components"]
        layers = "tensorsmith.layers"

    Example:
        >>> import keras
        >>> from tensorsmith.core import register
        >>> register()
        >>> keras.saving.get_registered_object("tensorsmith>lisht").__name__  # of tensorsmith.layers
        'lisht'
    """
    load_tensorflow()
    for component in entry_points(group=GROUP):
        component.load()
