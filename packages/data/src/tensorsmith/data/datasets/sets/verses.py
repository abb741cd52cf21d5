"""Verses of the Bible in English and Spanish, as pairs for translation."""

import functools
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import Combined, DebianPackage, File
from tensorsmith.data.datasets.sword_module import read_verses

ENGLISH = File("english.zip", 4275733, "a9edba7bf0624a412eb1278eef52c55251805b2b00f4a4042d3d61822325f031")
SPANISH = File("spanish.zip", 2967214, "6cdd0d3b3b54f79f7eaf0b68ce20015ae30f5646ff895ae9c8a86d31de4ddd9f")
COLUMNS = {name: Column("string") for name in ("reference", "english", "spanish")}
# Whole books, because many sentences continue in the next verse and many phrases of a book are repeated.
HELD_OUT = {
    "validation": ("Song", "Lam", "Hos", "Jonah", "Nah", "1Cor", "2Cor", "1Tim", "2Pet"),
    "test": ("Ruth", "Esth", "Eccl", "Dan", "Hab", "Mal", "Gal", "Phil", "1Thess", "Jas", "1John"),
}
PARALLEL = 8  # words in a row that two verses of parallel passages have in common


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the pairs of a split, in the order of the English translation."""
    english, spanish = _verses(files[ENGLISH.name]), _verses(files[SPANISH.name])
    books = HELD_OUT.get(split)
    chosen = {reference for reference in english if reference in spanish and _is_in(reference, books)}
    if books is None:
        for verses in (english, spanish):
            known = set().union(*(_runs(verse) for reference, verse in verses.items() if not _is_in(reference, None)))
            chosen = {reference for reference in chosen if not known & _runs(verses[reference])}
    ordered = [reference for reference in english if reference in chosen]
    columns = (ordered, [english[each] for each in ordered], [spanish[each] for each in ordered])
    return dict(zip(COLUMNS, (np.array(column, object) for column in columns), strict=True)), None


def _is_in(reference: str, books: Collection[str] | None) -> bool:
    """Returns `True` if a verse is in one of several books, or for `None`, in a book that is not held out."""
    book = reference.partition(".")[0]
    return book in books if books is not None else not any(book in others for others in HELD_OUT.values())


def _runs(verse: str) -> set[tuple[str, ...]]:
    """Returns all runs of words of a verse that make another verse a parallel passage."""
    words = re.findall(r"\w+", verse.lower())
    return {tuple(words[start : start + PARALLEL]) for start in range(len(words) - PARALLEL + 1)}


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
        "30,808 pairs of the same verse in the World English Bible and the Reina-Valera translation of 1909, without "
        "notes and titles. Features: a dict of strings (examples,): 'reference', such as 'Gen.1.1', 'english' and "
        "'spanish'. Labels: none. Split by books: 11 for test and 9 for validation. 205 verses of the other books that "
        "have 8 words in a row in common with one of these are left out. A few verses are numbered differently in the "
        "two translations, so that their pairs differ."
    ),
    licence="public domain",
    source="World English Bible and Reina-Valera 1909, https://eBible.org, as modules of the SWORD project",
    splits={"train": 27902, "validation": 1420, "test": 1486},
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
