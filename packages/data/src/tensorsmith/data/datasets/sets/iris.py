"""Iris flowers of three species, bundled with scikit-learn."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo

SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the features and labels of a split. `files` is empty, because scikit-learn contains the data."""
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    features, labels = load_iris(return_X_y=True)
    rest, test = train_test_split(np.arange(len(labels)), test_size=30, stratify=labels, random_state=SEED)
    train, validation = train_test_split(rest, test_size=15, stratify=labels[rest], random_state=SEED)
    chosen = {"train": train, "validation": validation, "test": test}[split]
    return features[chosen].astype(np.float32), labels[chosen].astype(np.int32)


INFO = DatasetInfo(
    name="iris",
    title="Iris",
    description=(
        "150 iris flowers, 50 of each species. Features: float32 (examples, 4), in cm and not standardized: sepal "
        "length, sepal width, petal length, petal width. Labels: int32 (examples,), 0 to 2. Stratified random split "
        "with a fixed seed: 35, 5 and 10 flowers per species for training, validation and test."
    ),
    licence="BSD-3-Clause (licence of the package that contains the data)",
    source=(
        "R. A. Fisher, The Use of Multiple Measurements in Taxonomic Problems, Annals of Eugenics 7, 1936, "
        "https://archive.ics.uci.edu/dataset/53/iris; as bundled with scikit-learn (sklearn.datasets.load_iris)"
    ),
    splits={"train": 105, "validation": 15, "test": 30},
    read=read,
    kind="table",
    columns={name: Column(unit="cm") for name in ("sepal length", "sepal width", "petal length", "petal width")},
    label=Column("int32"),
    class_names=("setosa", "versicolor", "virginica"),
)
