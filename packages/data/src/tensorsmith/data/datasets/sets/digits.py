"""Handwritten digits of 8x8 pixels, bundled with scikit-learn: nothing to fetch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo

SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Features and labels of a split; there are no files."""
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
        "1,797 grey images of digits. Features: float32 (examples, 8, 8) in [0, 1]; the pixels were 0 to 16. "
        "Labels: int32 (examples,), 0 to 9. Split at random with a fixed seed, each class in proportion."
    ),
    licence="BSD-3-Clause",
    source=(
        "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998, "
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits; "
        "its test set as bundled with scikit-learn (sklearn.datasets.load_digits)"
    ),
    splits={"train": 1257, "validation": 180, "test": 360},
    read=read,
    kind="pictures",
    shape=(8, 8),
    levels=17,
    label=Column("int32"),
    class_names=tuple("0123456789"),
)
