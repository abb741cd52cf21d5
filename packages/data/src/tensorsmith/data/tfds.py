"""Builders for TensorFlow Datasets: importing this module registers a builder `tensorsmith_NAME` for each data set.

`tfds.load("tensorsmith_digits")` then works as for any other TFDS data set, without a network if the files are cached.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tensorsmith.core import load_tensorflow
from tensorsmith.data.datasets.dataset import Column, Dataset, DatasetInfo
from tensorsmith.data.datasets.registry import fetch, info, load_split, names

load_tensorflow()
try:
    import tensorflow_datasets as tfds
except ImportError as error:
    raise ImportError(
        "tensorsmith.data.tfds needs tensorflow-datasets. Run `pip install 'tensorflow-datasets>=4.9.8'`, which is "
        "the extra `tfds` of tensorsmith-data."
    ) from error

PREFIX = "tensorsmith_"
FEATURES = {"images": "image", "table": "features", "series": "features", "texts": "text", "text": "text"}
"""Name of the features in an example, by kind of data set. Labels are called "label"."""


class Builder:
    """Mixin for `tfds.core.GeneratorBasedBuilder` that provides a data set of this package.

    Examples are in the order of `load`. Images with pixels from 0 to 255 are uint8 `(height, width, 1)`, as in TFDS, or
    `(height, width, 3)` for color images.

    Example:
        >>> BUILDERS["digits"].name
        'tensorsmith_digits'
    """

    VERSION = tfds.core.Version("1.0.0")
    # For namespace packages such as tensorsmith, TFDS determines it with a package that is not among its requirements.
    code_path = Path(__file__)
    data_set: ClassVar[str]

    def _info(self) -> tfds.core.DatasetInfo:
        description = info(self.data_set)
        key = FEATURES[description.kind]
        address = re.search(r"https?://[^\s,;]+", description.source)
        return tfds.core.DatasetInfo(
            builder=self,
            description=description.description,
            features=tfds.features.FeaturesDict({key: _features(description), **_label(description)}),
            supervised_keys=(key, "label") if description.label else None,
            homepage=address.group() if address else None,
            citation=description.source,
            license=description.licence,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        fetch(self.data_set)
        return {split: self._generate_examples(split) for split in info(self.data_set).splits}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        description, data = info(self.data_set), load_split(self.data_set, split)
        key = FEATURES[description.kind]
        for number, features in enumerate(_rows(description, data)):
            label = {} if data.labels is None else {"label": _at(data.labels, number)}
            yield number, {key: features, **label}


def _at(labels: Any, number: int) -> Any:
    """Returns the labels of one example."""
    return {name: values[number] for name, values in labels.items()} if isinstance(labels, Mapping) else labels[number]


def _features(description: DatasetInfo) -> Any:
    if description.kind == "images":
        if description.levels == 256:
            return tfds.features.Image(shape=_image_shape(description), dtype=np.uint8)
        return tfds.features.Tensor(shape=description.shape, dtype=np.float32)
    if description.is_matrix:
        return tfds.features.Tensor(shape=(len(description.columns),), dtype=np.float32)
    if description.columns:
        return {name: _scalar(column.dtype) for name, column in description.columns.items()}
    return tfds.features.Text()


def _image_shape(description: DatasetInfo) -> tuple[int, ...]:
    return (*description.shape, 1) if len(description.shape) == 2 else description.shape


def _label(description: DatasetInfo) -> dict[str, Any]:
    if isinstance(description.label, Mapping):
        labels = {name: _tensor(column) for name, column in description.label.items()}
        if description.class_names and "classes" in labels:
            (length,) = description.label["classes"].shape
            labels["classes"] = tfds.features.Sequence(_classes(description), length=length)
        return {"label": labels}
    if description.class_names:
        return {"label": _classes(description)}
    return {"label": _scalar(description.label.dtype)} if description.label else {}


def _classes(description: DatasetInfo) -> Any:
    return tfds.features.ClassLabel(names=description.class_names)


def _tensor(column: Column) -> Any:
    if not column.shape:
        return _scalar(column.dtype)
    return tfds.features.Tensor(shape=column.shape, dtype=np.dtype(column.dtype))


def _scalar(dtype: str) -> Any:
    return tfds.features.Text() if dtype == "string" else tfds.features.Scalar(dtype=np.dtype(dtype))


def _rows(description: DatasetInfo, data: Dataset) -> Iterator[Any]:
    """Yields the features of each example of a split."""
    if description.kind == "text":
        yield data.features
    elif description.levels == 256:
        for image in data.features:
            yield np.round(image * 255).astype(np.uint8).reshape(_image_shape(description))
    elif isinstance(data.features, dict):
        for values in zip(*data.features.values(), strict=True):
            yield dict(zip(data.features, values, strict=True))
    else:
        yield from data.features


def _builder(name: str) -> type[Builder]:
    class_name = "Tensorsmith" + "".join(word.capitalize() for word in name.split("_"))
    members = {"name": PREFIX + name, "data_set": name, "__module__": __name__, "__doc__": info(name).title}
    return type(class_name, (Builder, tfds.core.GeneratorBasedBuilder), members)


BUILDERS = {name: _builder(name) for name in names()}
"""Name of each data set -> its builder."""
