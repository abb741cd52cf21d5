"""Fashion-MNIST: images of clothing, a drop-in replacement for MNIST."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import Address, DebianPackage, File

ORIGINAL = (
    File("train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    File("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    File("t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    File("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)

# Debian strips the name and time from the gzip headers; the remaining bytes are identical, which a test verifies.
STRIPPED = (
    File("train-images-idx3-ubyte.gz", 26421856, "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"),
    File("train-labels-idx1-ubyte.gz", 29491, "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056"),
    File("t10k-images-idx3-ubyte.gz", 4422079, "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"),
    File("t10k-labels-idx1-ubyte.gz", 5125, "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"),
)

VALIDATION = 5000


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the features and labels of a split, read from the IDX files."""
    prefix = "t10k" if split == "test" else "train"
    images = np.frombuffer(gzip.decompress(files[f"{prefix}-images-idx3-ubyte.gz"].read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress(files[f"{prefix}-labels-idx1-ubyte.gz"].read_bytes()), np.uint8, offset=8)
    part = {"train": slice(VALIDATION, None), "validation": slice(VALIDATION), "test": slice(None)}[split]
    return np.divide(images.reshape(-1, 28, 28)[part], 255, dtype=np.float32), labels[part].astype(np.int32)


INFO = DatasetInfo(
    name="fashion_mnist",
    title="Fashion-MNIST",
    description=(
        "70,000 grayscale images of clothing in 10 classes of equal size. Features: float32 (examples, 28, 28), "
        "scaled from 0..255 to [0, 1]. Labels: int32 (examples,), 0 to 9. The test split is the published test file; "
        "the validation split is the first 5,000 images of the published training file and the training split the "
        "other 55,000, in the published order."
    ),
    licence="MIT",
    source="H. Xiao, K. Rasul and R. Vollgraf, 2017, Zalando SE, https://github.com/zalandoresearch/fashion-mnist",
    splits={"train": 55000, "validation": 5000, "test": 10000},
    read=read,
    sources=(
        Address(ORIGINAL, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{name}"),
        Address(ORIGINAL, "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/{name}"),
        DebianPackage(
            STRIPPED,
            name="dataset-fashion-mnist",
            version="0.0~git20200523.55506a9-1",
            archive_size=30900652,
            folder="usr/share/datasets/fashion-mnist",
        ),
    ),
    kind="images",
    shape=(28, 28),
    levels=256,
    label=Column("int32"),
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
)
