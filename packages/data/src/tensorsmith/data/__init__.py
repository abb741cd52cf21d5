"""Real data sets, pinned by hash and had from wherever they still are, as arrays or `tf.data`."""

from tensorsmith.data._load import load
from tensorsmith.data.dataset import Dataset, DatasetInfo
from tensorsmith.data.obtain import DataNotFoundError
from tensorsmith.data.registry import fetch, info, names
from tensorsmith.data.series import time_series

__all__ = ["DataNotFoundError", "Dataset", "DatasetInfo", "fetch", "info", "load", "names", "time_series"]
