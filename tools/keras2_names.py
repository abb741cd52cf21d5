"""Print what Keras 3 lacks of the public interface of Keras 2, as JSON: `python tools/keras2_names.py`.

For maintainers: the migration table `tensorsmith.migrate.keras2` has an entry for everything that this script finds. A
test compares them. The script requires tf_keras, the last release of Keras 2.
"""

import inspect
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf
import tf_keras

ROOTS = {"tf.keras": tf.keras, "keras": keras}
CLASSES = ("Model", "layers.Layer", "optimizers.Optimizer", "metrics.Metric")
METHODS = {
    "Model": ("compile", "evaluate", "fit", "load_weights", "predict", "save", "save_weights", "test_on_batch",
              "train_on_batch"),
    "layers.Layer": ("add_weight",),
    "optimizers.Optimizer": ("apply_gradients",),
}  # fmt: skip
FIRST = 4  # number of arguments that are commonly passed by position


def public_names(module: ModuleType, prefix: str = "", seen: set[int] | None = None) -> Iterator[str]:
    """Yields the names of all public components and modules, relative to the module."""
    seen = set() if seen is None else seen
    for name in dir(module):
        component = getattr(module, name)
        if name.startswith("_") or (inspect.ismodule(component) and component.__name__ != f"{module.__name__}.{name}"):
            continue  # private names, and modules that a public module imports
        if component in (tf_keras.src, tf_keras.protobuf):
            continue
        yield f"{prefix}{name}"
        if inspect.ismodule(component) and id(component) not in seen:
            yield from public_names(component, f"{prefix}{name}.", seen | {id(component)})


def find(root: Any, name: str) -> Any:
    """Returns the component with a dotted name, or `None`."""
    for part in name.split("."):
        root = getattr(root, part, None)
    return root


def parameters(component: Any) -> list[str]:
    """Returns the argument names of a function, or of a class and its bases."""
    function = component.__init__ if inspect.isclass(component) else component
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        each.name for each in given if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL) and each.name != "self"
    ]


def derive() -> dict[str, Any]:
    """Returns names that are gone, lost arguments, changed positions, and lost members of classes and their methods."""
    names = sorted(set(public_names(tf_keras)))
    gone = {root: {name for name in names if find(module, name) is None} for root, module in ROOTS.items()}
    both = gone["tf.keras"] & gone["keras"]
    pairs = {name: (find(tf_keras, name), find(tf.keras, name) or find(keras, name)) for name in names}
    for owner, methods in METHODS.items():
        for method in methods:
            pairs[f"{owner}.{method}"] = (find(tf_keras, f"{owner}.{method}"), find(keras, f"{owner}.{method}"))
    lost, moved = {}, {}
    for name, (old, new) in pairs.items():
        if callable(old) and callable(new):
            before, after = parameters(old), parameters(new)
            lost[name] = [argument for argument in before if argument not in after]
            moved[name] = [
                pair[0] for pair in zip(before[:FIRST], after, strict=False) if pair[0] != pair[1] and pair[0] in after
            ]
    return {
        "names": {
            "": sorted(both),
            "tf.keras": sorted(gone["tf.keras"] - both),
            "keras": sorted(gone["keras"] - both),
        },
        "arguments": {name: arguments for name, arguments in lost.items() if arguments},
        "positions": {name: arguments for name, arguments in moved.items() if arguments},
        "members": {
            owner: [
                name for name in dir(find(tf_keras, owner)) if name[0] != "_" and not hasattr(find(keras, owner), name)
            ]
            for owner in CLASSES
        },
    }


if __name__ == "__main__":
    print(json.dumps(derive(), indent=1))
