"""Names and sizes of shards."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.core import argument_error, check

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def shard_paths(folder: str | os.PathLike[str], name: str, count: int) -> list[Path]:
    """Returns the paths of shards, which follow the naming scheme of TensorFlow Datasets.

    Args:
        folder: Folder that contains the shards.
        name: Common prefix of the shard names.
        count: Number of shards.

    Example:
        >>> [path.as_posix() for path in shard_paths("mnist", "mnist-train", 2)]
        ['mnist/mnist-train.tfrecord-00000-of-00002', 'mnist/mnist-train.tfrecord-00001-of-00002']
    """
    check(count > 0, "shards", count, ">= 1")
    return [Path(folder) / f"{name}.tfrecord-{number:05d}-of-{count:05d}" for number in range(count)]


def name_of(path: str | os.PathLike[str]) -> str:
    """Returns the prefix of a file name that precedes `.tfrecord`.

    Example:
        >>> name_of("data/mnist-train.tfrecord-00000-of-00002")
        'mnist-train'
    """
    return Path(path).name.partition(".tfrecord")[0] or "records"


def parse_size(text: str) -> int:
    """Parses a size such as "256MB" to a number of bytes.

    Raises:
        ValueError: If `text` is not a valid size.

    Example:
        >>> parse_size("256MB"), parse_size("1.5 GiB"), parse_size("1000")
        (256000000, 1610612736, 1000)
    """
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    size = int(float(parts[1]) * UNITS[parts[2].upper()]) if parts and parts[2].upper() in UNITS else 0
    if size <= 0:
        raise argument_error("shard_size", text, "a positive number of bytes, such as 256MB or 1GiB")
    return size


def parse_split(text: str) -> dict[str, float]:
    """Parses split names and fractions from a string such as "train=0.8,test=0.2".

    Raises:
        ValueError: If `text` is not valid, or if the fractions do not sum to 1.

    Example:
        >>> parse_split("train=0.8,test=0.2")
        {'train': 0.8, 'test': 0.2}
    """
    expected = "contain names and fractions such as train=0.8,test=0.2"
    shares: dict[str, float] = {}
    for part in text.split(","):
        fits = re.fullmatch(r"\s*([\w.]+)\s*=\s*(\d*\.?\d+)\s*", part)
        if not fits or fits[1] in shares:
            raise argument_error("split", text, expected, "name each split once, without a hyphen" if fits else "")
        shares[fits[1]] = float(fits[2])
    whole = sum(shares.values())
    check(
        abs(whole - 1) < 1e-9,
        "split",
        text,
        "contain fractions that sum to 1",
        f"adjust the fractions, whose sum is {whole:g}",
    )
    return shares


def split_sizes(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Returns the number of records in each split, given the total number and the fractions of the splits.

    Args:
        count: Total number of records.
        shares: Mapping from split names to fractions of the records.

    Example:
        >>> split_sizes(10, {"train": 0.75, "test": 0.25})
        {'train': 8, 'test': 2}
    """
    bounds = np.rint(count * np.cumsum([0.0, *shares.values()])).astype("int64")
    return dict(zip(shares, np.diff(bounds).tolist(), strict=True))


def shard_lengths(count: int, shards: int) -> list[int]:
    """Returns the number of records in each shard. These numbers differ by at most 1.

    Example:
        >>> shard_lengths(10, 4)
        [2, 3, 2, 3]
    """
    return np.diff(np.arange(shards + 1) * count // shards).tolist()
