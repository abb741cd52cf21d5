"""Verses of the Bible in English and Spanish, as pairs for translation."""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import Combined, DebianPackage, File
from tensorsmith.data.datasets.sword_module import read_verses

ENGLISH = File("english.zip", 4275733, "a9edba7bf0624a412eb1278eef52c55251805b2b00f4a4042d3d61822325f031")
SPANISH = File("spanish.zip", 2967214, "6cdd0d3b3b54f79f7eaf0b68ce20015ae30f5646ff895ae9c8a86d31de4ddd9f")
COLUMNS = {name: Column("string") for name in ("reference", "english", "spanish")}
SEED = 42


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the pairs of a split, in the order of the English translation."""
    english, spanish = _verses(files[ENGLISH.name]), _verses(files[SPANISH.name])
    references = [reference for reference in english if reference in spanish]
    chapters = [reference.rpartition(".")[0] for reference in references]
    # Whole chapters, because many sentences continue in the next verse.
    order = np.random.default_rng(SEED).permutation(np.unique(chapters))
    part = {"test": order[:60], "validation": order[60:120], "train": order[120:]}[split]
    chosen = [reference for reference, chosen in zip(references, np.isin(chapters, part), strict=True) if chosen]
    columns = (chosen, [english[each] for each in chosen], [spanish[each] for each in chosen])
    return dict(zip(COLUMNS, (np.array(column, object) for column in columns), strict=True)), None


@functools.cache
def _verses(path: Path) -> dict[str, str]:
    """Returns the verses of a file, which are read once for all splits. The hash of the file has been verified."""
    return read_verses(path)


def _package(file: File, name: str, version: str, size: int, module: str) -> DebianPackage:
    def select(path: str) -> bool:
        return path.endswith((".bzs", ".bzv", ".bzz"))

    folder = f"usr/share/sword/modules/texts/ztext/{module}"
    return DebianPackage((file,), name=name, version=version, archive_size=size, folder=folder, select=select)


INFO = DatasetInfo(
    name="verses",
    title="Bible verses in English and Spanish",
    description=(
        "31,013 pairs of the same verse in the World English Bible and the Reina-Valera translation of 1909, without "
        "notes and titles. Features: a dict of strings (examples,): 'reference', such as 'Gen.1.1', 'english' and "
        "'spanish'. Labels: none. Split at random by chapters with a fixed seed: 60 of 1,189 chapters for test, 60 for "
        "validation. A few verses are numbered differently in the two translations, so that their pairs differ."
    ),
    licence="public domain",
    source="World English Bible and Reina-Valera 1909, https://eBible.org, as modules of the SWORD project",
    splits={"train": 27888, "validation": 1608, "test": 1517},
    read=read,
    sources=(
        Combined(
            (
                _package(ENGLISH, "sword-text-web", "522.0-1", 3940220, "engWEB2015eb"),
                _package(SPANISH, "sword-text-sparv", "2.87-1", 2724888, "spaRV1909eb"),
            )
        ),
    ),
    kind="table",
    columns=COLUMNS,
)
