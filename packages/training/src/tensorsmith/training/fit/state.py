"""Training state: functions that collect, copy, restore and compare variables."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.training._support.model_layers import keras_variables, parts_of


def training_state(owner: object, others: Iterable[tf.Variable] = ()) -> list[tf.Variable]:
    """Returns all variables that an object, its layers, its metrics and its optimizers contain.

    They are collected from the attributes of the object and of its layers, so that the state of a trainer or a model
    with several networks or optimizers (such as a GAN) is complete.

    Args:
        owner: Object whose attributes hold the variables of the training state.
        others: Additional variables that belong to the state, such as the state of the global seed generator of Keras.
    """
    held = [variable.value for variable in keras_variables(owner)]
    held += [part for part in parts_of(owner) if isinstance(part, tf.Variable)]
    found = {id(variable): variable for variable in held}
    on_replicas = {id(each) for variable in found.values() if is_on_replicas(variable) for each in variable.values}
    found.update((id(variable), variable) for variable in others if id(variable) not in on_replicas)
    return list(found.values())


def snapshot(variables: list[tf.Variable]) -> list[np.ndarray]:
    """Returns copies of the values of variables."""
    return [variable.numpy().copy() for variable in variables]


def restore(variables: list[tf.Variable], values: list[np.ndarray]) -> None:
    """Assigns saved values to variables."""
    parts = []  # variables that are sums over replicas
    for variable, value in zip(variables, values, strict=True):
        if is_on_replicas(variable) and variable.synchronization == tf.VariableSynchronization.ON_READ:
            parts.append((variable, value))
        else:
            variable.assign(value)
    if parts:
        strategy = parts[0][0].distribute_strategy
        # Outside of a function, `run` warns for each variable that it is slow.
        tf.function(lambda: strategy.run(_put_on_first, (parts,)), autograph=False)()


def is_on_replicas(variable: tf.Variable) -> bool:
    """Returns `True` if a variable has a separate component on each replica."""
    distributed = isinstance(variable, tf.distribute.DistributedValues)
    return distributed and variable.distribute_strategy.num_replicas_in_sync > 1


def described(model: keras.Model, variables: list[tf.Variable]) -> dict[str, Any]:
    """Returns a description of the optimizer, metrics and variables, which is stored in checkpoint metadata."""
    optimizer = model.optimizer
    optimizers = [optimizer, getattr(optimizer, "inner_optimizer", None)] if optimizer else []
    return {
        "optimizer": [type(each).__name__ for each in optimizers if each is not None],
        "metrics": [type(metric).__name__ for metric in model.metrics],
        "variables": [[v.name.removesuffix(":0"), v.shape.as_list(), v.dtype.name] for v in variables],
    }


def check_same(theirs: dict[str, Any], ours: dict[str, Any], where: str) -> None:
    """Raises an error if the model, optimizer or metrics differ from the description in a checkpoint.

    Raises:
        ValueError: If they differ. The message describes the difference.
    """
    remedy = "resume with the model, the optimizer and the metrics of the original run, or pass another folder"
    there, here = theirs["variables"], ours["variables"]
    differing = [i for i, pair in enumerate(zip(there, here, strict=False)) if pair[0][1:] != pair[1][1:]]
    if differing or len(there) != len(here):
        i = differing[0] if differing else min(len(there), len(here))
        first = [" ".join(map(str, side[i])) if i < len(side) else "none" for side in (there, here)]
        raise argument_error(
            "checkpoint",
            Verbatim(f"{where} with {len(there)} variables and variable {i + 1} = {first[0]}"),
            f"match the model, the optimizer and the metrics, which have {len(here)} variables "
            f"and variable {i + 1} = {first[1]}",
            remedy,
        )
    for name in ("optimizer", "metrics"):
        received = Verbatim(f"{where} with the {name} {theirs[name]}")
        check(theirs[name] == ours[name], "checkpoint", received, f"match the {name} {ours[name]} of the model", remedy)


def _put_on_first(parts: list[tuple[tf.Variable, np.ndarray]]) -> None:
    """Assigns values to variables on the first replica, and zeros on all other replicas."""
    first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
    for variable, value in parts:
        variable.assign(tf.where(first, value, np.zeros_like(value)))
