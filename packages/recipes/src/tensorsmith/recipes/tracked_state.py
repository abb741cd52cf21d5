"""State of the objects of a training procedure, as arrays that can be saved and restored."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorsmith.core import Verbatim, argument_error, check

EXPECTED = (
    "a Keras layer or model, an optimizer, a variable, a NumPy array, or an object with `get_state` and `set_state`"
)


def state_of(objects: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the state of objects as a mapping from names such as "model/0" to arrays.

    Args:
        objects: Mapping from names to Keras layers and models, whose random seeds are included, built Keras optimizers,
            variables of Keras and TensorFlow, NumPy arrays, and objects whose method `get_state` returns a mapping from
            names to arrays, numbers or strings.

    Raises:
        ValueError: If an object is of another type, or an optimizer is not built.
    """
    state = {}
    for name, tracked in objects.items():
        for part, value in _parts(name, tracked).items():
            array = np.array(value)
            check(
                array.dtype != object, name, Verbatim(f"{type(value)} in the state"), "an object whose state is arrays"
            )
            state[f"{name}/{part}"] = array
    return state


def restore_state(objects: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> None:
    """Set the state of objects to the result of `state_of`.

    Raises:
        ValueError: If the names, dtypes or shapes differ from those of the objects.
    """
    known = {name: (array.dtype.kind, array.shape) for name, array in state_of(objects).items()}
    received = {name: (array.dtype.kind, array.shape) for name, array in state.items()}
    variable = {name for name, tracked in objects.items() if hasattr(tracked, "set_state")}  # their arrays may differ
    for name in sorted(known.keys() | received.keys()):
        owner = name.partition("/")[0]
        if owner not in variable and known.get(name) != received.get(name):
            raise ValueError(f"{name} has dtype and shape {received.get(name)}, but {owner} has {known.get(name)}")
    for name, tracked in objects.items():
        parts = {key.partition("/")[2]: array for key, array in state.items() if key.partition("/")[0] == name}
        _restore(tracked, parts)


def _parts(name: str, tracked: Any) -> Mapping[str, Any]:
    """Return the state of one object."""
    if isinstance(tracked, np.ndarray):
        return {"": tracked}
    if hasattr(tracked, "get_state") and hasattr(tracked, "set_state"):
        state: Mapping[str, Any] = tracked.get_state()
        check(
            isinstance(state, Mapping),
            name,
            Verbatim(f"a state of {type(state)}"),
            "an object whose state is a mapping",
        )
        return state
    variables = _variables(name, tracked)
    return {str(number): variable.numpy() for number, variable in enumerate(variables)}


def _restore(tracked: Any, parts: Mapping[str, np.ndarray]) -> None:
    if isinstance(tracked, np.ndarray):
        tracked[...] = parts[""]
    elif hasattr(tracked, "set_state"):
        tracked.set_state({name: array if array.ndim else array.item() for name, array in parts.items()})
    else:
        for number, variable in enumerate(_variables("", tracked)):
            variable.assign(parts[str(number)])


def _variables(name: str, tracked: Any) -> list[Any]:
    """Return the variables of a layer, an optimizer, or of a variable itself."""
    import keras
    import tensorflow as tf

    if isinstance(tracked, keras.Layer):
        check(tracked.built, name, Verbatim("a layer that is not built"), "built", "call it, or its method `build`")
        return list(tracked.variables)
    if isinstance(tracked, keras.optimizers.Optimizer):
        remedy = "call its method `build` with the trainable variables"
        check(tracked.built, name, Verbatim("an optimizer that is not built"), "built", remedy)
        return list(tracked.variables)
    if isinstance(tracked, keras.Variable | tf.Variable):
        return [tracked]
    raise argument_error(name, tracked, EXPECTED)
