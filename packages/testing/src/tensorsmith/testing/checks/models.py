"""Conformance checks for functions that build models."""

import dataclasses
import math
import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.comparing import array, expect_finite, named
from tensorsmith.testing.errors import ConformanceError, expect
from tensorsmith.testing.rows import Data, ModelRow
from tensorsmith.testing.using import draw, examples, make


def parameter_counts(row: ModelRow) -> None:
    """Checks that models of published sizes have the published numbers of trainable parameters."""
    for kwargs, count in row.counts:
        model = row.make(**kwargs)
        found = sum(math.prod(weight.shape) for weight in model.trainable_variables)
        call = f"{row.title}({', '.join(f'{name}={value!r}' for name, value in kwargs.items())})"
        expect(found == count, f"{call} has {found:,} trainable parameters, expected {count:,}.")


def training_step(row: ModelRow) -> None:
    """Checks that all weights have gradients, and that a small step along them lowers the loss."""
    model = make(row)
    inputs = keras.tree.map_structure(tf.convert_to_tensor, examples(row)[0])
    rng = np.random.default_rng(24)
    targets = [rng.uniform(0.0, 1.0, output.shape) for output in keras.tree.flatten(model(inputs))]
    state = [array(variable) for variable in model.non_trainable_variables]

    @tf.function
    def loss() -> tf.Tensor:
        outputs = keras.tree.flatten(model(inputs, training=True))
        pairs = zip(outputs, targets, strict=True)
        return tf.add_n([tf.reduce_mean(tf.square(output - tf.cast(target, output.dtype))) for output, target in pairs])

    with tf.GradientTape() as tape:
        before = loss()
    weights = model.trainable_variables
    gradients = tape.gradient(before, [weight.value for weight in weights])
    missing = [weight.path for weight, gradient in zip(weights, gradients, strict=True) if gradient is None]
    expect(not missing, f"the weights {', '.join(missing)} have no gradient.")
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # those of embeddings are sparse
    expect_finite(named("gradient", gradients), "the gradients of the model")
    # A step that lowers a linear function by 1 % of the loss.
    size = 0.01 * before / tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients])
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(size * gradient)
    for variable, value in zip(model.non_trainable_variables, state, strict=True):
        variable.assign(value)  # the same masks of dropout
    after = loss()
    expect(bool(after < before), f"a small step along the gradient changes the loss from {before} to {after}.")


def image_sizes(row: ModelRow) -> None:
    """Checks that the model supports images of twice the height and width, or longer sequences, or refuses them.

    An error for another size must be a `ValueError` that names the size.
    """
    rng = np.random.default_rng(25)
    large = keras.tree.map_structure(lambda data: draw(_doubled(data), 2, rng), row.inputs)
    if row.another_size is None:
        try:
            make(row)(large)
        except ValueError as error:
            expect(_names_size(str(error), row.inputs, large), f"the error for another size does not name it: {error}")
            return
        raise ConformanceError(f"the model accepts inputs of shape {_shapes(large)} without `another_size` in its row.")
    model = row.make(**{**row.kwargs, **row.another_size})
    for inputs in (examples(row)[0], large):
        outputs, size = named("output", model(inputs)), len(keras.tree.flatten(inputs)[0])
        expect_finite(outputs, f"the model on inputs of shape {_shapes(inputs)}")
        expect(all(len(output) == size for output in outputs.values()), "an output has another batch size.")


def _names_size(message: str, small: Any, large: Any) -> bool:
    """Returns `True` if a message contains a size that the model does not support."""
    sizes = {
        str(size)
        for data, array in zip(keras.tree.flatten(small), keras.tree.flatten(large), strict=True)
        for size, before in zip(array.shape[1:], data.shape, strict=True)
        if size != before
    }
    message, *_ = message.partition("Arguments received by")  # which Keras adds to all errors
    return not sizes.isdisjoint(re.findall(r"\d+", message))


def _doubled(data: Data) -> Data:
    """Returns the specification of images of twice the height and width, or of sequences of twice the length."""
    tokens = len(data.shape) == 1 and np.issubdtype(np.dtype(data.dtype), np.integer)
    sizes = data.shape if tokens else data.shape[:-1]  # tokens have no axis of channels
    return dataclasses.replace(data, shape=(*(2 * (size or 1) for size in sizes), *data.shape[len(sizes) :]))


def _shapes(inputs: Any) -> str:
    return " and ".join(str(array.shape) for array in keras.tree.flatten(inputs))
