"""What `fit` and `evaluate` take: arrays in memory or a tf.data.Dataset, checked before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.training.tensors import to_tensor


@dataclass(frozen=True)
class Arrays:
    """Examples in memory.

    Attributes:
        batch: `(x,)`, `(x, y)` or `(x, y, sample_weight)` of tensors with one first axis.
        size: The length of that axis.
    """

    batch: tuple[Any, ...]
    size: int


def named(tree: Any, name: str) -> list[tuple[str, Any]]:
    """The leaves of a nested structure with the names a user would call them by."""
    if isinstance(tree, Mapping):
        return [leaf for key in sorted(tree) for leaf in named(tree[key], f"{name}[{key!r}]")]
    if isinstance(tree, list | tuple):
        return [leaf for i, item in enumerate(tree) for leaf in named(item, f"{name}[{i}]")]
    return [] if tree is None else [(name, tree)]


def check_values(name: str, values: np.ndarray, where: str = "") -> None:
    """Refuses NaN and infinity, naming the column and the row."""
    if values.dtype.kind != "f":
        return
    flat = values.ravel(order="K")
    with np.errstate(all="ignore"):
        if np.isfinite(np.dot(flat, flat)):  # one fast pass; it may overflow for large values, never hide a NaN
            return
    bad = np.argwhere(~np.isfinite(values))
    if not len(bad):
        return
    place = f"row {bad[0][0]}" + (f", column {bad[0][1]}" if values.ndim == 2 else "")
    raise argument_error(
        name,
        Verbatim(f"{values[tuple(bad[0])]} at {where}{place} ({len(bad)} such values)"),
        "finite numbers",
        "drop those rows or fill them in",
    )


def check_labels(model: keras.Model, y: Any, where: str = "") -> None:
    """Refuses class indices that a sparse cross-entropy over the model's outputs has no unit for."""
    losses = tf.nest.flatten(getattr(model, "loss", None))
    labels = named(y, "y")
    outputs = tf.nest.flatten(getattr(model, "outputs", None) or [])
    if not len(losses) == len(labels) == len(outputs):
        return
    for loss, (name, values), output in zip(losses, labels, outputs, strict=True):
        sparse = isinstance(loss, keras.losses.SparseCategoricalCrossentropy) or (
            getattr(loss, "__name__", loss) == "sparse_categorical_crossentropy"
        )
        classes = output.shape[-1]
        values = np.asarray(values)
        if not sparse or classes is None or getattr(loss, "ignore_class", None) is not None or not values.size:
            continue
        bad = np.argwhere((values < 0) | (values >= classes) | (values != np.floor(values)))
        if len(bad):
            raise argument_error(
                name,
                Verbatim(f"label {values[tuple(bad[0])]} at {where}row {bad[0][0]} ({len(bad)} such labels)"),
                f"whole numbers from 0 to {classes - 1}, the model's {classes} outputs",
                "number the classes from 0, or widen the last layer",
            )


def check_shapes(model: keras.Model, x: Any) -> None:
    """Refuses features whose shape is not what the model's inputs say."""
    inputs = getattr(model, "inputs", None) or []
    leaves = named(x, "x")
    if isinstance(x, Mapping) or len(inputs) != len(leaves):
        return  # Keras matches names itself and says what is missing
    for tensor, (name, values) in zip(inputs, leaves, strict=True):
        expected, received = tuple(tensor.shape[1:]), tuple(values.shape[1:])
        fits = len(expected) == len(received) and all(
            want in (None, have) for want, have in zip(expected, received, strict=True)
        )
        # Keras itself adds or drops one trailing axis of length 1
        squeezed = [axis for axis in (expected, received) if axis[-1:] == (1,)]
        if not fits and not (squeezed and abs(len(expected) - len(received)) == 1):
            raise argument_error(
                name, Verbatim(f"shape {values.shape}"), f"shape (examples, {', '.join(map(str, expected))})"
            )


def to_arrays(
    model: keras.Model, x: Any, y: Any, sample_weight: Any, class_weight: Mapping[int, float] | None
) -> Arrays:
    """Checks arrays and puts them into tensors, class weights folded into the sample weights.

    Raises:
        ValueError: No examples, lengths that differ, NaN or infinite values, labels out of range, wrong shapes.
    """
    x, y, sample_weight = (keras.tree.map_structure(_as_array, tree) for tree in (x, y, sample_weight))
    leaves = named(x, "x") + named(y, "y") + named(sample_weight, "sample_weight")
    check(bool(leaves), "x", x, "arrays or a tf.data.Dataset")
    size = len(leaves[0][1])
    for name, values in leaves:
        check(
            values.ndim > 0 and len(values) == size,
            name,
            Verbatim(f"shape {values.shape}"),
            f"{size} examples, as x has",
        )
    check(size > 0, "x", Verbatim("no examples"), "at least one")
    for name, values in leaves:
        check(
            values.dtype.kind in "biuf",
            name,
            Verbatim(f"dtype {values.dtype}"),
            "numbers",
            "encode text before training",
        )
        check_values(name, values)
    check_shapes(model, x)
    check_labels(model, y)
    if class_weight is not None:
        weights = _weights_of_classes(y, class_weight)
        sample_weight = weights if sample_weight is None else weights * sample_weight
    batch = (x,) if y is None else (x, y) if sample_weight is None else (x, y, sample_weight)
    return Arrays(keras.tree.map_structure(to_tensor, batch), size)


def first_batch(model: keras.Model, dataset: tf.data.Dataset) -> tuple[Any, ...]:
    """A dataset's first batch, looked at before training starts.

    Raises:
        ValueError: The elements are no batches, there are none, or the first holds what `to_arrays` refuses.
    """
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    check(1 <= len(parts) <= 3, "dataset", spec, "elements x, (x, y) or (x, y, sample_weight)")
    check(dataset.cardinality().numpy() != 0, "dataset", Verbatim("no batches"), "at least one")
    first = next(iter(dataset.take(1)), None)
    check(first is not None, "dataset", Verbatim("no batches"), "at least one", "look at its filters and files")
    x, y, _ = keras.utils.unpack_x_y_sample_weight(first)
    for name, values in named(x, "x") + named(y, "y"):
        check(values.shape.rank != 0, name, Verbatim("single examples"), "batches", "call dataset.batch(32)")
        if values.dtype.is_floating:
            check_values(name, values.numpy(), "batch 0, ")
    check_shapes(model, x)
    check_labels(model, y, "batch 0, ")
    return first if isinstance(first, tuple) else (first,)


def weigh_classes(dataset: tf.data.Dataset, class_weight: Mapping[int, float]) -> tf.data.Dataset:
    """The dataset with class weights folded into its sample weights."""
    table = tf.constant([class_weight.get(label, 1.0) for label in range(max(class_weight) + 1)], tf.float32)

    def weigh(x: Any, y: tf.Tensor, sample_weight: Any = None) -> tuple[Any, tf.Tensor, tf.Tensor]:
        weights = tf.gather(table, tf.reshape(_classes(y), [-1]))
        return x, y, weights if sample_weight is None else weights * sample_weight

    return dataset.map(weigh, num_parallel_calls=tf.data.AUTOTUNE)


def _as_array(values: Any) -> Any:
    if values is None:
        return None
    array = np.asarray(values)
    return array.astype(keras.config.floatx(), copy=False) if array.dtype.kind == "f" else array


def _classes(y: Any) -> Any:
    one_hot = len(y.shape) == 2 and y.shape[-1] > 1
    return tf.argmax(y, axis=-1) if one_hot else tf.cast(y, tf.int64)


def _weights_of_classes(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    check(isinstance(y, np.ndarray), "class_weight", class_weight, "None for a model of several outputs")
    labels = _classes(y).numpy().reshape(-1)
    return np.array([class_weight.get(int(label), 1.0) for label in labels], dtype=np.float32)
