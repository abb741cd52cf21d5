"""Handwritten digits of 8x8 pixels, bundled with scikit-learn."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo

SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the features and labels of a split. `files` is empty, because scikit-learn contains the data."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits().images, load_digits().target
    rest, test = train_test_split(np.arange(len(labels)), test_size=360, stratify=labels, random_state=SEED)
    train, validation = train_test_split(rest, test_size=180, stratify=labels[rest], random_state=SEED)
    chosen = {"train": train, "validation": validation, "test": test}[split]
    return (images[chosen] / 16).astype(np.float32), labels[chosen].astype(np.int32)


INFO = DatasetInfo(
    name="digits",
    title="Optical recognition of handwritten digits",
    description=(
        "1,797 grayscale images of handwritten digits. Features: float32 (examples, 8, 8), scaled from 0..16 to "
        "[0, 1]. Labels: int32 (examples,), 0 to 9. Stratified random split with a fixed seed."
    ),
    licence="BSD-3-Clause",
    source=(
        "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998, "
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits; "
        "test set, as bundled with scikit-learn (sklearn.datasets.load_digits)"
    ),
    splits={"train": 1257, "validation": 180, "test": 360},
    read=read,
    kind="images",
    shape=(8, 8),
    levels=17,
    label=Column("int32"),
    class_names=tuple("0123456789"),
)
