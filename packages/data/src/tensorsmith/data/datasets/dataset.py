"""Classes for the descriptions of data sets and for loaded splits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tensorsmith.core import check
from tensorsmith.data.datasets.hosts import Host

if TYPE_CHECKING:
    import tensorflow as tf

Features = np.ndarray | Mapping[str, np.ndarray] | str
Labels = np.ndarray | Mapping[str, np.ndarray] | None
Content = tuple[Features, Labels]
"""Features and labels."""

Kind = Literal["images", "table", "series", "texts", "text"]
"""Kind of features: images; columns, ordered by time for a series; strings; one string."""


@dataclass(frozen=True)
class Column:
    """Description of a table column or of labels.

    Attributes:
        dtype: Dtype of the values: "float32", "int32", "int64", "uint8" or "string".
        unit: Unit of the values in words; empty for dimensionless numbers and strings.
        shape: Shape of a label. The columns of a table are scalars.
    """

    dtype: str = "float32"
    unit: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class DatasetInfo:
    """Description of a data set, which is available without fetching the data.

    Attributes:
        name: Name to pass to `load`.
        title: Human-readable name.
        description: Description of the features and labels of a loaded split: shapes, dtypes, units, and how the data
            was split.
        licence: Licence or terms of use of the data.
        source: Authors and original publication.
        splits: Name of each split mapped to its number of examples, or of characters for text.
        read: Function that reads the features and labels of a split from the verified files, given by name.
        sources: Sources to fetch the files from, in order; empty if an installed package provides the data.
        kind: Type of the features.
        shape: Shape of an image: `(height, width)` for grayscale images, or `(height, width, 3)` for color images.
        levels: Number of levels of a channel before scaling to [0, 1]: 256 if the pixels were 0 to 255.
        columns: Name of each column mapped to the column. If all columns are float32, features are a single array,
            otherwise a dictionary of arrays.
        label: Description of the labels, or a dictionary of descriptions if examples have labels of several kinds;
            `None` if there are none.
        class_names: Names of the classes 0, 1, ...; empty if the labels are not classes. In a dictionary, the classes
            are the label "classes", where -1 means none, or the pixels of the label "masks" if there are no "classes".
        base: Name of another data set whose files `read` receives, if this one is generated from them.
    """

    name: str
    title: str
    description: str
    licence: str
    source: str
    splits: Mapping[str, int]
    read: Callable[[Mapping[str, Path], str], Content] = field(repr=False)
    sources: tuple[Host, ...] = field(default=(), repr=False)
    kind: Kind = "text"
    shape: tuple[int, ...] = ()
    levels: int = 0
    columns: Mapping[str, Column] = field(default_factory=dict)
    label: Column | Mapping[str, Column] | None = None
    class_names: tuple[str, ...] = ()
    base: str = ""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns, or an empty tuple if the data set is not a table."""
        return tuple(self.columns)

    @property
    def is_matrix(self) -> bool:
        """`True` if the columns form one float32 array of shape `(examples, columns)` instead of a dictionary."""
        return bool(self.columns) and all(column.dtype == "float32" for column in self.columns.values())


@dataclass(frozen=True, eq=False)
class Dataset:
    """In-memory split of a data set.

    Attributes:
        name: Name of the data set.
        split: Name of the split that was loaded.
        features: Array of shape (examples, ...), a dictionary of such arrays by column, or a single string for text.
            Strings are stored in arrays of `str` objects. See `info(name).description`.
        labels: Array of shape (examples,), a dictionary of arrays of shape (examples, ...), or `None`.
        class_names: Names of the classes 0, 1, ...; empty if the labels are not classes.
        feature_names: Names of the columns; empty if the features are not columns.
        source: Authors and original publication.
        licence: Licence or terms of use of the data.
    """

    name: str
    split: str
    features: Any = field(repr=False)
    labels: Any = field(repr=False)
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    source: str
    licence: str

    def to_tf(self, batch_size: int | None = None) -> "tf.data.Dataset":
        """Returns the split as an unshuffled `tf.data.Dataset`.

        Args:
            batch_size: Number of examples per batch; the last batch may be smaller. If `None`, the elements are single
                examples.

        Returns:
            A dataset of (features, label) pairs, or of features if there are no labels. Features are a dictionary if
            they are columns of several dtypes. Labels are a dictionary if there are several kinds. Text is a single
            element, a scalar string.

        Raises:
            ValueError: If `batch_size` is not a positive integer.

        Example:
            >>> from tensorsmith.data import load
            >>> load("digits").to_tf(batch_size=32).element_spec
            (TensorSpec(shape=(None, 8, 8), dtype=tf.float32, name=None),
             TensorSpec(shape=(None,), dtype=tf.int32, name=None))
        """
        whole = isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size > 0
        check(batch_size is None or whole, "batch_size", batch_size, "a positive integer or None")
        from tensorsmith.core import load_tensorflow

        load_tensorflow()
        import tensorflow as tf

        features = [self.features] if isinstance(self.features, str) else self.features
        dataset = tf.data.Dataset.from_tensor_slices(features if self.labels is None else (features, self.labels))
        return dataset if batch_size is None else dataset.batch(batch_size)
