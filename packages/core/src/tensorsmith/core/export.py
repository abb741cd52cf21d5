"""Decorator that registers components with Keras, for saving and loading models."""

from typing import TypeVar

Component = TypeVar("Component")


def export(component: Component) -> Component:
    """Register a class or function as `tensorsmith>Name`, so that Keras can save and load models that use it.

    The component is returned unchanged, so its signature remains visible.

    Args:
        component: Layer, loss, metric, schedule, optimizer, initializer or other Keras component, given as a class or
            function.

    Example:
        >>> import keras
        >>> @export
        ... def double(x):
        ...     return 2 * x
        >>> keras.saving.get_registered_name(double)
        'tensorsmith>double'
    """
    from keras.saving import register_keras_serializable

    registered: Component = register_keras_serializable(package="tensorsmith")(component)
    return registered
