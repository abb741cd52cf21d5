"""Predictions of a model for arrays or a dataset."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.training.distribution import parameter_servers
from tensorsmith.training.inputs.autotuning import without_autotuning
from tensorsmith.training.inputs.data import check_ends
from tensorsmith.training.inputs.py_dataset import from_py_dataset


def predict(
    model: keras.Model,
    x: NestedArrays | Dataset | keras.utils.PyDataset,
    batch_size: int,
    strategy: tf.distribute.Strategy | None,
) -> Any:
    """Returns the predictions as NumPy arrays.

    Raises:
        ValueError: If the dataset is infinite.
    """
    streams = isinstance(x, tf.data.Dataset | keras.utils.PyDataset)
    if streams:
        check_ends(x, "x")
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        return parameter_servers.predict(model, x, batch_size)
    if isinstance(x, keras.utils.PyDataset):
        x, _ = from_py_dataset(x)
    x = without_autotuning(x) if streams else keras.tree.map_structure(_with_objects, x)
    return model.predict(x, batch_size=None if streams else batch_size, verbose=0)


def _with_objects(values: Any) -> Any:
    """Returns strings as objects, because Keras does not support NumPy's type of strings."""
    return values.astype(object) if isinstance(values, np.ndarray) and values.dtype.kind == "U" else values
