"""Validation of the data that are passed to `fit` and `evaluate` as arrays or as a `tf.data.Dataset`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check, did_you_mean, is_integer, is_number
from tensorsmith.core.types import NestedArrays, NestedTensors, Shape, Tensor, TensorLike
from tensorsmith.training._support.tensors import to_tensor


@dataclass(frozen=True)
class Arrays:
    """Examples in memory, with optional targets and sample weights.

    Attributes:
        batch: Tuple `(x,)`, `(x, y)` or `(x, y, sample_weight)` of tensors with equal first axes.
        size: Number of examples.
    """

    batch: tuple[Any, ...]
    size: int


def named(tree: NestedArrays | None, name: str) -> list[tuple[str, Any]]:
    """Returns pairs of a name such as `x['image']`, for use in error messages, and a leaf of a nested structure."""
    if isinstance(tree, Mapping):
        return [leaf for key in sorted(tree) for leaf in named(tree[key], f"{name}[{key!r}]")]
    if isinstance(tree, list | tuple):
        return [leaf for i, item in enumerate(tree) for leaf in named(item, f"{name}[{i}]")]
    return [] if tree is None else [(name, tree)]


def check_values(name: str, values: np.ndarray, where: str = "") -> None:
    """Raises an error if values are NaN or infinite. The message states the position of the first such value."""
    if values.dtype.kind != "f":
        return
    flat = values.ravel(order="K")
    with np.errstate(all="ignore"):
        if np.isfinite(np.dot(flat, flat)):  # fast single pass: it may overflow, but cannot hide a NaN
            return
    bad = np.argwhere(~np.isfinite(values))
    if not len(bad):
        return
    position = f"row {bad[0][0]}" + (f", column {bad[0][1]}" if values.ndim == 2 else "")
    raise argument_error(
        name,
        Verbatim(f"{values[tuple(bad[0])]} at {where}{position} ({len(bad)} such values)"),
        "finite",
        "drop those rows or impute the values",
    )


def check_inputs(model: keras.Model | None, x: NestedArrays, where: str = "") -> None:
    """Raises an error if inputs are NaN or infinite, unless the outputs of the model are finite nevertheless.

    This is the case if the model replaces missing values itself.
    """
    for name, values in named(x, "x"):
        numbers = _numbers(values)
        try:
            check_values(name, numbers, where)
        except ArgumentError:
            finite_or_nan = np.where(np.isnan(numbers), 0, numbers)
            check_values(name, finite_or_nan, where)  # infinite values are errors in any case
            if model is None or not _has_finite_outputs(model, x, _rows_with_nan(numbers, values)):
                raise


def _rows_with_nan(numbers: np.ndarray, values: Any) -> list[int]:
    """Returns the first row with NaN of each column, or the first row of a ragged or sparse tensor."""
    if numbers.shape != tuple(values.shape):
        return [0]
    missing = np.isnan(numbers.reshape(len(numbers), -1))
    return sorted(set(np.argmax(missing, axis=0)[missing.any(axis=0)].tolist()))


def _numbers(values: Any) -> np.ndarray:
    """Returns the numbers in an array or a tensor, which may be ragged or sparse."""
    if isinstance(values, tf.RaggedTensor):
        values = values.flat_values
    return np.asarray(getattr(values, "values", values))


def _has_finite_outputs(model: keras.Model, x: NestedArrays, rows: list[int]) -> bool:
    """Returns `True` if the outputs of a model for some examples are finite."""
    examples = keras.tree.map_structure(lambda values: tf.gather(values, rows), x)
    outputs = keras.tree.flatten(model(examples, training=False))
    return all(bool(np.isfinite(keras.ops.convert_to_numpy(output)).all()) for output in outputs)


def check_targets(model: keras.Model, x: NestedArrays, y: NestedArrays | None, where: str = "") -> None:
    """Raises an error if the targets are incompatible with the model outputs.

    Sparse cross-entropy requires class indices less than the number of outputs, and binary cross-entropy probabilities.
    For losses of Keras, shapes that would be broadcast, and masks of another size than the outputs, are rejected.
    """
    outputs = getattr(model, "output", None)
    if isinstance(y, Mapping) and isinstance(outputs, Mapping):
        for strange in y.keys() - outputs.keys():
            known = f"a dict of targets for the outputs {', '.join(sorted(outputs))}"
            raise argument_error("y", strange, known, did_you_mean(str(strange), outputs))
    for name, values, loss, output in _targets(model, y):
        if isinstance(loss, str):
            loss = keras.losses.get(loss)
        kind = getattr(loss, "__name__", None) or getattr(loss, "name", None) or str(loss)
        sparse = kind == "sparse_categorical_crossentropy"
        values = np.asarray(values)
        if getattr(loss, "__module__", "").startswith("keras."):
            _check_target_shape(name, values, sparse, _output_shape(model, x, output))
        if sparse and output.shape[-1] is not None and getattr(loss, "ignore_class", None) is None:
            _check_classes(name, values, output.shape[-1], where)
        if kind == "binary_crossentropy":
            _check_probabilities(name, values)


def _output_shape(model: keras.Model, x: NestedArrays, output: keras.KerasTensor) -> Shape:
    """Returns the shape of an output without the batch axis, for the size of the images if the model accepts any."""
    shape, images = tuple(output.shape[1:]), getattr(x, "shape", None)
    if images is None or len(shape) < 3 or None not in shape[:-1] or len(model.outputs) != 1:
        return shape
    try:
        return tuple(keras.tree.flatten(model.compute_output_spec(keras.KerasTensor(images)))[0].shape[1:])
    except ValueError:  # the model does not accept this size, and reports the error itself
        return shape


def _check_target_shape(name: str, values: np.ndarray, sparse: bool, output: Shape) -> None:
    """Raises an error if the shape of targets is incompatible with the shape of an output, without the batch axis.

    Targets of sparse cross-entropy have no axis of classes. Keras ignores axes of length 1 at the end of such targets,
    and of outputs with one more axis than other targets.
    """
    received, expected, remedy = values.shape[1:], output, ""
    if sparse and output[-1:] != (1,):
        expected = output[:-1]
        valid = _fit(expected, received[: len(expected)]) and set(received[len(expected) :]) <= {1}
    elif output[-1:] == (1,) and len(received) == len(output) - 1:
        valid = 1 in received or _fit(output[:-1], received)
    else:
        valid = len(received) != len(output) or _fit(output, received)
    if valid:
        return
    if sparse and received == output:
        remedy = "use the loss `categorical_crossentropy` for one-hot targets"
    elif len(output) == 3 and len(received) in (2, 3) and None not in output and received[:2] != output[:2]:
        remedy = f"resize the masks to {output[0]}x{output[1]} pixels with nearest-neighbor interpolation"
    axes = ", ".join(["examples", *map(str, expected)]) + ("" if expected else ",")
    raise argument_error(name, Verbatim(f"shape {values.shape}"), f"have shape ({axes})", remedy)


def _targets(model: keras.Model, y: NestedArrays | None) -> list[tuple[str, Any, Any, Any]]:
    """Returns a tuple (name, values, loss, output) for each target whose loss and output can be determined."""
    loss, outputs = getattr(model, "loss", None), getattr(model, "outputs", None)
    if loss is None or not outputs:
        return []
    if isinstance(y, Mapping):
        names = model.output_names
        by_name = model.output if isinstance(model.output, Mapping) else dict(zip(names, outputs, strict=True))
        loss_of = loss if isinstance(loss, Mapping) else dict.fromkeys(y, loss)
        return [(f"y[{key!r}]", y[key], loss_of[key], by_name[key]) for key in y if key in loss_of and key in by_name]
    if isinstance(y, list | tuple):
        losses = loss if isinstance(loss, list | tuple) else [loss] * len(y)
        if isinstance(loss, Mapping) or isinstance(model.output, Mapping) or not len(y) == len(losses) == len(outputs):
            return []
        return [(f"y[{i}]", *parts) for i, parts in enumerate(zip(y, losses, outputs, strict=True))]
    return [("y", y, loss, outputs[0])] if len(outputs) == 1 and not isinstance(loss, Mapping | list) else []


def _check_classes(name: str, values: np.ndarray, classes: int, where: str) -> None:
    bad = np.argwhere((values < 0) | (values >= classes) | (values != np.floor(values)))
    if len(bad):
        raise argument_error(
            name,
            Verbatim(f"label {values[tuple(bad[0])]} at {where}row {bad[0][0]} ({len(bad)} such labels)"),
            f"contain integers from 0 to {classes - 1} for a model with {classes} outputs",
            "number the classes from 0, or add units to the last layer",
        )


def _check_probabilities(name: str, values: np.ndarray) -> None:
    if values.dtype.kind in "iuf" and values.size and (values.min() < 0 or values.max() > 1):
        received = Verbatim(f"values from {values.min():.6g} to {values.max():.6g}")
        remedy = "scale the targets, or use another loss"
        raise argument_error(name, received, "in [0, 1] for binary cross-entropy", remedy)


def _fit(expected: Shape, received: tuple[int, ...]) -> bool:
    return len(expected) == len(received) and all(
        want in (None, have) for want, have in zip(expected, received, strict=True)
    )


def check_shapes(model: keras.Model, x: NestedArrays) -> None:
    """Raises an error if the shapes of the input arrays are incompatible with the model inputs."""
    inputs = getattr(model, "inputs", None) or []
    leaves = named(x, "x")
    if isinstance(x, Mapping) or len(inputs) != len(leaves):
        return  # Keras matches names and reports missing inputs
    for tensor, (name, values) in zip(inputs, leaves, strict=True):
        expected, received = tuple(tensor.shape[1:]), tuple(values.shape[1:])
        # Keras adds or removes a trailing axis of length 1.
        squeezed = [axis for axis in (expected, received) if axis[-1:] == (1,)]
        if not _fit(expected, received) and not (squeezed and abs(len(expected) - len(received)) == 1):
            raise argument_error(
                name, Verbatim(f"shape {values.shape}"), f"have shape (examples, {', '.join(map(str, expected))})"
            )


def to_arrays(
    model: keras.Model | None,
    x: NestedArrays,
    y: NestedArrays | None,
    sample_weight: NestedArrays | None,
    class_weight: Mapping[int, float] | None,
) -> Arrays:
    """Validates arrays and converts them to tensors. Class weights are included in the sample weights.

    Args:
        model: Model that the examples must be compatible with, or `None` for custom steps.
        x: Input data.
        y: Target data.
        sample_weight: Sample weights.
        class_weight: Mapping from class indices to weights.

    Raises:
        ValueError: If there are no examples, lengths differ, values are NaN or infinite, labels are out of range, or
            shapes do not match the model.
    """
    x, y, sample_weight = (keras.tree.map_structure(as_array, tree) for tree in (x, y, sample_weight))
    leaves = named(x, "x") + named(y, "y") + named(sample_weight, "sample_weight")
    check(bool(leaves), "x", x, "an array, a structure of arrays, or a tf.data.Dataset")
    for name, values in leaves:
        check(values.ndim > 0, name, values[()], "an array", "convert lists of numbers with `np.asarray`")
    size = len(leaves[0][1])
    for name, values in leaves:
        check(len(values) == size, name, Verbatim(f"shape {values.shape}"), f"have {size} examples to match `x`")
    check(size > 0, "x", Verbatim("no examples"), "contain at least one example")
    texts = any(tensor.dtype == "string" for tensor in getattr(model, "inputs", None) or [])
    for name, values in leaves:
        if not (texts and name.startswith("x") and _is_strings(values)):
            kind = Verbatim(f"dtype {values.dtype}")
            check(values.dtype.kind in "biuf", name, kind, "an array of numbers", "encode strings before training")
    for name, values in named(y, "y") + named(sample_weight, "sample_weight"):
        check_values(name, values)
    check(sample_weight is None or y is not None, "sample_weight", Verbatim("weights"), "None if `y` is None")
    if model is not None:
        check_shapes(model, x)
    check_inputs(model, x)
    if model is not None:
        check_targets(model, x, y)
    if class_weight is not None:
        check_class_weight(y, class_weight)
        weights = weights_of_classes(y, class_weight).numpy()
        sample_weight = weights if sample_weight is None else weights * np.reshape(np.asarray(sample_weight), -1)
    batch = (x,) if y is None else (x, y) if sample_weight is None else (x, y, sample_weight)
    return Arrays(keras.tree.map_structure(to_tensor, batch), size)


def first_batch(model: keras.Model | None, dataset: tf.data.Dataset) -> tuple[Any, ...]:
    """Validates the first batch of a dataset and returns it. Later batches are not validated.

    Raises:
        ValueError: If the dataset is not batched, is empty, or its first batch is invalid as in `to_arrays`.
    """
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    check(1 <= len(parts) <= 3, "dataset", spec, "contain elements of the form x, (x, y) or (x, y, sample_weight)")
    check(dataset.cardinality().numpy() != 0, "dataset", Verbatim("an empty dataset"), "contain at least one batch")
    first = next(iter(dataset.take(1)), None)
    check(
        first is not None,
        "dataset",
        Verbatim("an empty dataset"),
        "contain at least one batch",
        "check the filters and files of the dataset",
    )
    check_first_batch(model, first)
    return first if isinstance(first, tuple) else (first,)


def check_first_batch(model: keras.Model | None, first: NestedTensors) -> None:
    """Raises an error if the first batch of a dataset is invalid as in `to_arrays`."""
    x, y, _ = keras.utils.unpack_x_y_sample_weight(first)
    for name, values in named(x, "x") + named(y, "y"):
        check(values.shape.rank != 0, name, Verbatim("single examples"), "contain batches", "call `dataset.batch(32)`")
    for name, values in named(y, "y"):
        check_values(name, _numbers(values), "batch 0, ")
    if model is not None:
        check_shapes(model, x)
    check_inputs(model, x, "batch 0, ")
    if model is not None:
        check_targets(model, x, y, "batch 0, ")


def weigh_classes(dataset: tf.data.Dataset, class_weight: Mapping[int, float]) -> tf.data.Dataset:
    """Returns a dataset whose sample weights are multiplied by the class weights."""

    @tf.autograph.experimental.do_not_convert
    def weigh(x: NestedTensors, y: NestedTensors, sample_weight: Tensor | None = None) -> tuple[Any, Any, tf.Tensor]:
        weights = weights_of_classes(y, class_weight)
        return x, y, weights if sample_weight is None else weights * tf.reshape(sample_weight, [-1])

    check_class_weight(dataset.element_spec[1], class_weight)
    return dataset.map(weigh, num_parallel_calls=tf.data.AUTOTUNE)


def check_class_weight(y: NestedArrays | tf.TensorSpec, class_weight: Mapping[int, float]) -> None:
    """Raises an error if class weights are invalid or incompatible with the targets."""
    sound = isinstance(class_weight, Mapping) and len(class_weight) > 0
    sound = sound and all(is_integer(label) and label >= 0 for label in class_weight)
    sound = sound and all(is_number(weight) and weight >= 0 for weight in class_weight.values())
    check(sound, "class_weight", class_weight, "a non-empty dict that maps class indices to non-negative weights")
    one = hasattr(y, "shape") and len(y.shape) <= 2
    check(one, "class_weight", class_weight, "None unless y is a single array of labels or one-hot rows")


def weights_of_classes(y: Tensor | np.ndarray, class_weight: Mapping[int, float]) -> tf.Tensor:
    """Returns the class weight of each example. Classes that are not in `class_weight` have weight 1."""
    table = tf.constant([class_weight.get(label, 1.0) for label in range(max(class_weight) + 1)], tf.float32)
    one_hot = len(y.shape) == 2 and y.shape[-1] != 1
    classes = tf.reshape(tf.argmax(y, axis=-1) if one_hot else tf.cast(y, tf.int64), [-1])
    last = max(class_weight)
    return tf.where(classes > last, 1.0, tf.gather(table, tf.clip_by_value(classes, 0, last)))


def _is_strings(values: np.ndarray) -> bool:
    return values.dtype.kind == "U" or (values.dtype == object and all(isinstance(each, str) for each in values.flat))


def as_array(values: TensorLike | None) -> np.ndarray | None:
    """Returns values as an array. Floats are converted to the default float type of Keras."""
    if values is None:
        return None
    array = np.asarray(values)
    return array.astype(keras.config.floatx(), copy=False) if array.dtype.kind == "f" else array
