"""Recomputation of batch normalization statistics, for models with averaged weights."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedTensors
from tensorsmith.training._support.model_layers import layers_of
from tensorsmith.training.fit.state import restore, snapshot


def reestimate_batch_norm(model: keras.Model, dataset: Iterable[Any]) -> None:
    """Recomputes the moving statistics of batch normalization layers as exact statistics of a data set.

    Averaged weights, as computed by `SWA` and `MovingAverage`, have not processed any data, so the moving statistics in
    the model belong to other weights. One pass over the data in training mode computes the mean and variance of each
    layer over all examples, pooled from those of the batches. As in training, the inputs of a layer are computed with
    batch statistics and dropout in the layers before it, so the batches should be as large as in training.

    Frozen layers keep their statistics. Weights, seeds and all other state of the model are not changed.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018.

    Args:
        model: Built model with batch normalization layers.
        dataset: Batches of the form `x`, `(x, y)` or `(x, y, sample_weight)`, such as a `tf.data.Dataset`. Sample
            weights are ignored.

    Raises:
        ValueError: If there are no batches, or if a layer uses batch renormalization, which needs other statistics.

    Example:
        >>> import keras, numpy as np
        >>> import tensorflow as tf
        >>> norm = keras.layers.BatchNormalization()
        >>> model = keras.Sequential([keras.Input((1,)), norm])
        >>> reestimate_batch_norm(model, tf.data.Dataset.from_tensor_slices(np.arange(7.0)[:, None]).batch(3))
        >>> print(norm.moving_mean.numpy(), norm.moving_variance.numpy())
        [3.] [4.]
    """
    found = [layer for layer in layers_of(model) if isinstance(layer, keras.layers.BatchNormalization)]
    layers = [layer for layer in found if layer.trainable]
    for layer in layers:
        check(
            not layer.renorm,
            "model",
            Verbatim(f"layer {layer.name}"),
            "not contain layers with batch renormalization",
        )
    state = [variable.value for variable in model.non_trainable_variables]
    before, momentums = snapshot(state), [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0  # moving statistics become those of the last batch
        moments = _pooled(model, layers, dataset)
    finally:
        restore(state, before)
        for layer, momentum in zip(layers, momentums, strict=True):
            layer.momentum = momentum
    for layer, (mean, variance) in zip(layers, moments, strict=True):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


def _pooled(
    model: keras.Model, layers: list[keras.layers.BatchNormalization], dataset: Iterable[Any]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the mean and variance over all batches, pooled from the statistics of each batch."""

    @tf.function(autograph=False, reduce_retracing=True)
    def forward(x: NestedTensors) -> None:
        model(x, training=True)

    sizes: list[int] = []
    means: list[list[np.ndarray]] = [[] for _ in layers]
    variances: list[list[np.ndarray]] = [[] for _ in layers]
    for batch in dataset:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        forward(x)
        sizes.append(len(keras.tree.flatten(x)[0]))
        for i, layer in enumerate(layers):
            means[i].append(np.array(layer.moving_mean, "float64"))
            variances[i].append(np.array(layer.moving_variance, "float64"))
    check(sum(sizes) > 0, "dataset", Verbatim("an empty dataset"), "contain at least one batch")
    pooled = []
    for of_batches, within in zip(means, variances, strict=True):
        mean = np.average(of_batches, axis=0, weights=sizes)
        between = np.square(np.subtract(of_batches, mean))
        pooled.append((mean, np.average(within + between, axis=0, weights=sizes)))
    return pooled
