"""Movie review sentences, each rated from -4 to 4 by about twenty people."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File, PythonArchive
from tensorsmith.data.datasets.hosts.unpack import read_tar

ARCHIVE = File(
    "vaderSentiment-3.3.2.tar.gz", 2466783, "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
)
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
TABLE = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the sentences and ratings of a split, from lines that contain an ID, a rating and a sentence."""
    from sklearn.model_selection import train_test_split

    inner = read_tar(files[ARCHIVE.name], lambda name: name == INNER)[INNER]
    lines = read_tar(io.BytesIO(inner), lambda name: name == TABLE)[TABLE].decode().splitlines()
    rows = [line.split("\t") for line in lines]
    texts = np.array([text for _, _, text in rows], object)
    ratings = np.array([float(rating) for _, rating, _ in rows], np.float32)
    rest, test = train_test_split(np.arange(len(rows)), test_size=1000, random_state=SEED)
    train, validation = train_test_split(rest, test_size=1000, random_state=SEED)
    chosen = {"train": train, "validation": validation, "test": test}[split]
    return texts[chosen], ratings[chosen]


INFO = DatasetInfo(
    name="movie_reviews",
    title="Movie review sentences with sentiment ratings",
    description=(
        "10,605 English sentences from movie reviews. Features: strings (examples,). Labels: float32 (examples,), the "
        "mean rating by about twenty people, from -4 (most negative) to 4 (most positive). For binary classification, "
        "use the sign of the rating and exclude ratings near 0. Split at random with a fixed seed."
    ),
    licence="MIT (licence of the package that contains the data; the sentences are from Rotten Tomatoes)",
    source=(
        "C. J. Hutto and E. E. Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media "
        "Text, ICWSM 2014, https://github.com/cjhutto/vaderSentiment; reviews collected by B. Pang and L. Lee, 2004"
    ),
    splits={"train": 8605, "validation": 1000, "test": 1000},
    read=read,
    sources=(PythonArchive((ARCHIVE,), name="vaderSentiment", version="3.3.2", archive=ARCHIVE),),
    kind="texts",
    label=Column(unit="mean rating, -4 to 4"),
)
