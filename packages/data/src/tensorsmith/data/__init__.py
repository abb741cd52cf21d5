"""Data sets and pretrained weights with pinned hashes, downloaded from several mirrors and loaded as NumPy arrays."""

from tensorsmith.data.datasets._load import load, load_splits
from tensorsmith.data.datasets.bert_vocabulary import bert_vocabulary
from tensorsmith.data.datasets.composed import composed_fashion
from tensorsmith.data.datasets.dataset import Dataset, DatasetInfo
from tensorsmith.data.datasets.obtain import DataNotFoundError
from tensorsmith.data.datasets.photographs import sample_photographs, tree_crown_photographs
from tensorsmith.data.datasets.registry import fetch, info, names
from tensorsmith.data.datasets.series import time_series
from tensorsmith.data.pretrained._load import weights, weights_info
from tensorsmith.data.pretrained.weights_info import WeightsInfo

__all__ = [
    "DataNotFoundError",
    "Dataset",
    "DatasetInfo",
    "WeightsInfo",
    "bert_vocabulary",
    "composed_fashion",
    "fetch",
    "info",
    "load",
    "load_splits",
    "names",
    "sample_photographs",
    "time_series",
    "tree_crown_photographs",
    "weights",
    "weights_info",
]
