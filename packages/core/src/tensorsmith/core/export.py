"""Decorator that registers public components with Keras."""

from typing import TypeVar

Component = TypeVar("Component")


def export(component: Component) -> Component:
    """Register a class or function with Keras as `tensorsmith>Name`, so that models with it can be saved and loaded.

    The component is returned unchanged, so its signature remains visible.

    Args:
        component: A layer, loss, metric, schedule, optimizer, initializer or other Keras component: a class or a
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
