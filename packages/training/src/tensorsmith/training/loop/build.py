"""Compilation of a model, and creation of its variables before the first training step is traced."""

from typing import Any

import keras

from tensorsmith.core import check
from tensorsmith.core.types import Optimizer
from tensorsmith.training._support.model_layers import recurrent_states, stateful_layers
from tensorsmith.training.fit.state import restore, snapshot


def compile_model(model: keras.Model, optimizer: Optimizer | None, **arguments: Any) -> None:
    """Compiles a model under its distribution strategy. If `optimizer` is `None`, it must already be compiled.

    Raises:
        ValueError: If there is no optimizer and the model is not compiled, or if there are other arguments.
    """
    compiled, expected = optimizer is not None or model.compiled, "not be None unless the model is compiled"
    check(compiled, "optimizer", optimizer, expected, "pass `optimizer` and `loss`")
    for name, value in arguments.items():
        check(optimizer is not None or value is None, name, value, "None if `optimizer` is None")
    if optimizer is not None:
        with model.distribute_strategy.scope():
            model.compile(optimizer=optimizer, **arguments)


def build_late_parts(model: keras.Model, batch: tuple[Any, ...], batch_size: int) -> None:
    """Builds the model, the optimizer and the metrics for a batch, without changing the values of variables.

    This applies to the steps of Keras. Custom steps decide themselves what to build.
    """
    # One example suffices, except for stateful layers, whose states have the batch size of the training steps.
    rows = batch_size if stateful_layers(model) else 1
    example = keras.tree.map_structure(lambda values: values[:rows], batch)
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(example)
    variables = [variable.value for variable in (*model.variables, *recurrent_states(model))]
    before = snapshot(variables)
    y_pred = model(x, training=False)
    if not model.optimizer.built:  # not all Keras optimizers can be built twice
        model.optimizer.build(model.trainable_variables)
    model.compute_metrics(x, y, y_pred, sample_weight)
    model.reset_metrics()
    restore(variables, before)
