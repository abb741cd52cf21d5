"""What a data set is before it is loaded, and after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tensorsmith.core import check
from tensorsmith.data.datasets.hosts import Source

if TYPE_CHECKING:
    import tensorflow as tf

Features = np.ndarray | Mapping[str, np.ndarray] | str
Content = tuple[Features, np.ndarray | None]
"""Features and labels."""

Kind = Literal["pictures", "table", "series", "texts", "text"]
"""What features are: pictures (examples, height, width); columns, in order of time for a series; texts; one string."""


@dataclass(frozen=True)
class Column:
    """A column of a table, or its labels.

    Attributes:
        dtype: "float32", "int32", "int64" or "string".
        unit: In words; empty for plain numbers and texts.
    """

    dtype: str = "float32"
    unit: str = ""


@dataclass(frozen=True)
class DatasetInfo:
    """The description of a data set, known without fetching it.

    Attributes:
        name: What `load` is called with.
        title: The name in words.
        description: What the features and labels of a loaded split are: shapes, dtypes, units, how it was split.
        licence: The terms of the data.
        source: Who made it, and where it was first published.
        splits: Split -> number of examples (of characters, for text).
        read: Makes features and labels of a split from the verified files, by name.
        sources: Where the files are fetched from, in order; empty where an installed package has the data.
        kind: What the features are.
        shape: Of a picture.
        levels: Grey levels of a picture before it was scaled to [0, 1]: 256 where the pixels were 0 to 255.
        columns: Name -> column. Where all are float32, features are one array of them; else a dict of arrays.
        label: What the labels are; None where there are none.
        class_names: Names of the labels 0, 1, ...; empty where labels are no classes.
    """

    name: str
    title: str
    description: str
    licence: str
    source: str
    splits: Mapping[str, int]
    read: Callable[[Mapping[str, Path], str], Content] = field(repr=False)
    sources: tuple[Source, ...] = field(default=(), repr=False)
    kind: Kind = "text"
    shape: tuple[int, ...] = ()
    levels: int = 0
    columns: Mapping[str, Column] = field(default_factory=dict)
    label: Column | None = None
    class_names: tuple[str, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns; empty where features are no columns."""
        return tuple(self.columns)

    @property
    def is_matrix(self) -> bool:
        """Whether the columns are one float32 array (examples, columns), and no dict."""
        return bool(self.columns) and all(column.dtype == "float32" for column in self.columns.values())


@dataclass(frozen=True, eq=False)
class Dataset:
    """One split of a data set, in memory.

    Attributes:
        name: The data set.
        split: Which part.
        features: Array of shape (examples, ...), a dict of such arrays by column, or one string for text. Texts are
            arrays of `str` objects. `info(name).description` says which.
        labels: Array of shape (examples,), or None.
        class_names: Names of the labels 0, 1, ...; empty where labels are no classes.
        feature_names: Names of the columns; empty where features are no columns.
        source: Who made it, and where it was first published.
        licence: The terms of the data.
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
        """The split as a `tf.data.Dataset`, in its order; shuffling is the caller's.

        Args:
            batch_size: Examples per batch, the last of which may be smaller. Without it, single examples.

        Returns:
            A dataset of (features, label) pairs, or of features alone where there are no labels. Features of a dict of
            columns are a dict. Text is one element, a scalar string.

        Raises:
            ValueError: `batch_size` is no positive whole number.

        Example:
            >>> from tensorsmith.data import load
            >>> load("digits").to_tf(batch_size=32).element_spec
            (TensorSpec(shape=(None, 8, 8), dtype=tf.float32, name=None),
             TensorSpec(shape=(None,), dtype=tf.int32, name=None))
        """
        whole = isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size > 0
        check(batch_size is None or whole, "batch_size", batch_size, "a positive whole number, or None")
        from tensorsmith.core import load_tensorflow

        load_tensorflow()
        import tensorflow as tf

        features = [self.features] if isinstance(self.features, str) else self.features
        dataset = tf.data.Dataset.from_tensor_slices(features if self.labels is None else (features, self.labels))
        return dataset if batch_size is None else dataset.batch(batch_size)
