"""Data sets with pinned hashes, downloaded from several mirrors and loaded as NumPy arrays or `tf.data` datasets."""

from tensorsmith.data.datasets._load import load, load_splits
from tensorsmith.data.datasets.composed import composed_fashion
from tensorsmith.data.datasets.dataset import Dataset, DatasetInfo
from tensorsmith.data.datasets.obtain import DataNotFoundError
from tensorsmith.data.datasets.registry import fetch, info, names
from tensorsmith.data.datasets.series import time_series

__all__ = [
    "DataNotFoundError",
    "Dataset",
    "DatasetInfo",
    "composed_fashion",
    "fetch",
    "info",
    "load",
    "load_splits",
    "names",
    "time_series",
]
