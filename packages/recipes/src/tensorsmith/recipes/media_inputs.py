"""Inputs of models in image files and TFRecord files."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Dataset, Tensor
from tensorsmith.data.datasets.image_files import SUFFIXES, find_images, read_images

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from tensorsmith.tfrecord import Schema

BATCH_SIZE = 64  # records per batch


def is_media(path: Path) -> bool:
    """Return `True` if a path is that of an image, a TFRecord file, or a folder."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES or ".tfrecord" in path.name


def read_media(
    path: Path, model: "keras.Model", columns: Sequence[str]
) -> "tuple[np.ndarray | Dataset, tuple[str, ...]]":
    """Return the inputs of a model in an image, a folder of images, or TFRecord files.

    Images are converted to the shape of the input of the model, with values in [0, 1].

    Args:
        path: Path of the image, the folder, or the TFRecord file.
        model: Model that processes the inputs.
        columns: Names of the features that the only input of the model consists of, or an empty sequence.

    Returns:
        The inputs, and the names of the image files, or an empty tuple for TFRecord files.

    Raises:
        ValueError: If the path does not contain the inputs of the model.
        FileNotFoundError: If it does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    images = find_images(path) if path.is_dir() else [path] if path.suffix.lower() in SUFFIXES else []
    if not images:
        return _read_records(path, model, columns), ()
    shape = _image_shape(model)
    expected = "a file with the inputs of the model, which are not images of a fixed size"
    check(bool(shape), "input", str(path), expected, "pass a NumPy file or a table")
    return read_images(images, shape), tuple(map(str, images))


def _image_shape(model: "keras.Model") -> tuple[int, ...]:
    """Return the shape of the images that are the only input of a model, or an empty tuple."""
    inputs = list(getattr(model, "inputs", None) or [])
    shape: tuple[int, ...] = tuple(inputs[0].shape[1:]) if len(inputs) == 1 else ()
    is_image = None not in shape and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)))
    return shape if is_image else ()


def _read_records(path: Path, model: "keras.Model", columns: Sequence[str]) -> Dataset:
    from tensorsmith.tfrecord import Index, Schema, examples, find_record_files
    from tensorsmith.tfrecord.shards.reading import compression_of_file

    files = find_record_files([str(path)])
    described = files[0].with_name("schema.yaml")
    remedy = "write the files with `tensorsmith tfrecord convert`, which adds this file"
    check(described.is_file(), "input", Verbatim(f"{path} without schema.yaml"), "TFRecord files with a schema", remedy)
    packed = [str(file) for file in files if compression_of_file(file) != "none"]
    remedy = "decompress the files with `tensorsmith tfrecord reshard`"
    check(not packed, "input", Verbatim(", ".join(packed)), "uncompressed TFRecord files", remedy)
    schema, size, select = _selection(Schema.load(described), path, model, columns)
    index = Index.of(files)
    check(len(index) > 0, "input", Verbatim(f"{path} without records"), "TFRecord files with examples")
    inputs = examples(index, schema, BATCH_SIZE, resize=size).map(select)
    for tensor in getattr(model, "inputs", None) or []:
        spec = inputs.element_spec
        _check_spec(spec[tensor.name] if isinstance(spec, dict) else spec, tensor, path)
    return inputs


def _check_spec(spec: "tf.TypeSpec", tensor: "keras.KerasTensor", path: Path) -> None:
    """Raise an error if the values in TFRecord files are not those of an input of a model."""
    import tensorflow as tf

    given, wanted = tuple(spec.shape[1:]), tuple(tensor.shape[1:])
    # A model adds or removes an axis of size 1.
    forms = (given, (*given, 1), given[:-1] if given[-1:] == (1,) else given)
    fits = any(
        len(form) == len(wanted)
        and all(None in sizes or sizes[0] == sizes[1] for sizes in zip(form, wanted, strict=True))
        for form in forms
    )
    fits &= (spec.dtype == tf.string) == (tensor.dtype == "string") and not spec.dtype.is_complex
    received = Verbatim(f"{path} with {spec.dtype.name} values of the shape {given}")
    kind = "strings" if tensor.dtype == "string" else "numbers"
    check(fits, "input", received, f"TFRecord files with {kind} of the shape {wanted} for the input {tensor.name}")


def _selection(
    schema: "Schema", path: Path, model: "keras.Model", columns: Sequence[str]
) -> "tuple[Schema, tuple[int, int] | None, Callable[[dict[str, Tensor]], Any]]":
    """Return the features that a model needs, the size of its images, and a function from examples to its inputs."""
    import tensorflow as tf

    from tensorsmith.tfrecord import Schema
    from tensorsmith.tfrecord.schema import COMPLEX, IMAGES, STRINGS

    features = schema.features
    images = [name for name, feature in features.items() if feature.encoding in IMAGES and not feature.optional]
    names = [str(tensor.name) for tensor in getattr(model, "inputs", None) or []]
    shape = _image_shape(model)
    if names and set(names) <= features.keys():
        kept = Schema({name: features[name] for name in names})
        return kept, None, lambda example: {name: example[name] for name in names}
    if len(images) == 1 and shape:
        stored = features[images[0]]
        channels = shape[2] if len(shape) == 3 else 1
        kept = Schema({images[0]: dataclasses.replace(stored, shape=(*stored.shape[:2], channels))})
        largest = {"uint8": 255, "uint16": 65535}[stored.dtype]

        def pixels(example: dict[str, Tensor]) -> Tensor:
            values = tf.cast(example[images[0]], tf.float32) / largest
            return tf.reshape(values, (-1, *shape))  # a model of grayscale images may have no axis of channels

        return kept, (shape[0], shape[1]), pixels
    if len(names) == 1 and columns and set(columns) <= features.keys():
        kept = Schema({name: features[name] for name in columns})
        for name, feature in kept.features.items():
            missing = feature.optional and feature.default is None
            received = Verbatim(f"{path}, whose feature {name} is not")
            single = not (missing or feature.shape or feature.dtype in (*STRINGS, *COMPLEX))
            check(single, "input", received, "TFRecord files whose features are single numbers without missing values")
        return kept, None, lambda example: tf.stack([tf.cast(example[name], tf.float32) for name in columns], axis=1)
    expected = f"TFRecord files with the features {', '.join(columns or names)}"
    expected += ", or with one image" if shape else ""
    raise argument_error("input", Verbatim(f"{path} with the features {', '.join(features)}"), expected)
