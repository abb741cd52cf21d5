"""The one decorator of public components."""

from typing import TypeVar

Component = TypeVar("Component")


def export(component: Component) -> Component:
    """Makes a class or function public: Keras saves and loads it as `tensorsmith>Name`.

    The component comes back unchanged, so its signature stays visible.

    Args:
        component: A layer, loss, metric, schedule, optimizer, initializer ... or a function that serves as one.

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
