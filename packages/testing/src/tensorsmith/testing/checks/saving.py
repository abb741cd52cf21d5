"""Conformance check for saving and loading."""

import tempfile
from functools import singledispatch
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tensorsmith.core.types import Optimizer
from tensorsmith.testing.comparing import array, expect_same, named
from tensorsmith.testing.functional import functional
from tensorsmith.testing.rows import Data, LayerRow, LossRow, MetricRow, ModelRow, OptimizerRow, Row, ScheduleRow
from tensorsmith.testing.using import examples, make, observe, ready, reference

WHO = "the original and the loaded one"
HINT = "Return every argument from `get_config`, create every weight in `build` or `__init__`."


@singledispatch
def save_and_load(row: Row) -> None:
    """Checks that saving and loading, or serialization, does not change the results of a component."""
    raise TypeError(f"unknown type of row: {row!r}")


@save_and_load.register
def _(row: LayerRow) -> None:
    layer = ready(row)
    loaded = _reload(functional(row, layer), row.safe_mode).get_layer(layer.name)
    expect_same(reference(row), observe(row, loaded, examples(row)), row.tolerance, WHO, HINT)


@save_and_load.register
def _(row: ModelRow) -> None:
    loaded = _reload(ready(row))
    expect_same(reference(row), observe(row, loaded, examples(row)), row.tolerance, WHO, "Use layers that Keras saves.")


@save_and_load.register
def _(row: LossRow) -> None:
    _expect_serializes(row)
    y_true, y_pred, _ = examples(row)
    model = _compiled(row.y_pred, loss=make(row))
    first, second = (each.compute_loss(y=y_true, y_pred=y_pred) for each in (model, _reload(model)))
    expect_same(named("loss", first), named("loss", second), row.tolerance, WHO, HINT)


@save_and_load.register
def _(row: MetricRow) -> None:
    _expect_serializes(row)
    if row.y_pred is None:
        return  # it cannot be compiled into a model
    y_true, y_pred, _ = examples(row)
    model = _compiled(row.y_pred, metrics=[make(row)])
    first, second = (each.compute_metrics(None, y_true, y_pred) for each in (model, _reload(model)))
    expect_same(named("metrics", first), named("metrics", second), row.tolerance, WHO, HINT)


@save_and_load.register
def _(row: ScheduleRow) -> None:
    _expect_serializes(row)
    model = _regression(keras.optimizers.SGD(make(row)))
    loaded = _reload(model)
    expect_same(_rates(row, model), _rates(row, loaded), row.tolerance, WHO, HINT)


@save_and_load.register
def _(row: OptimizerRow) -> None:
    _expect_serializes(row)
    model = _regression(make(row))
    x = np.linspace(-1.0, 1.0, 12, dtype="float32").reshape(4, 3)
    for _ in range(2):
        model.train_on_batch(x, x[:, :1])
    loaded = _reload(model)
    for _ in range(2):
        model.train_on_batch(x, x[:, :1])
        loaded.train_on_batch(x, x[:, :1])
    expect_same(
        named("weights", model.trainable_variables),
        named("weights", loaded.trainable_variables),
        row.tolerance,
        "training on and training on after loading",
        HINT,
    )


def _reload(model: keras.Model, safe_mode: bool = True) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return keras.saving.load_model(path, safe_mode=safe_mode)


def _expect_serializes(row: Row) -> None:
    counterpart = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(make(row)))
    expect_same(
        reference(row),
        observe(row, counterpart, examples(row)),
        row.tolerance,
        "the original and the deserialized one",
        HINT,
    )


def _compiled(y_pred: Data, **components: Any) -> keras.Model:
    """Returns an identity model compiled with the given loss or metric."""
    inputs = keras.Input(y_pred.shape)
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(**components)
    return model


def _regression(optimizer: Optimizer) -> keras.Model:
    keras.utils.set_random_seed(23)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(
        optimizer=optimizer, loss="mean_squared_error", run_eagerly=True
    )  # tracing takes longer than a few steps
    return model


def _rates(row: ScheduleRow, model: keras.Model) -> dict[str, np.ndarray]:
    rates = {}
    for step in row.steps:
        model.optimizer.iterations.assign(step)
        rates[f"step {step}"] = array(model.optimizer.learning_rate)
    return rates
