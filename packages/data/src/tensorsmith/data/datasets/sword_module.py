"""Reader of Bible translations in the zText format of the SWORD project, with OSIS markup."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tensorsmith.core import UnreadableFileError

MOST_BYTES = 50_000_000  # of a decompressed book
CHAPTER = re.compile(r'<chapter [^>]*osisID="([^"]+)"')
HEADING = re.compile(r'osisID="[^"]+"[^>]*type="book"|x-osis2mod')
NOTES = re.compile(r"<(note|title)\b.*?</\1>", re.DOTALL)
TAGS = re.compile(r"<[^>]*>")
SPACED = re.compile(" +([,.;:?!)\u201d\u2019])")  # where a note was removed
DAMAGED = struct.error, zlib.error, zipfile.BadZipFile


def read_verses(path: Path) -> dict[str, str]:
    """Returns the verses of a translation, without titles, notes and other markup.

    Args:
        path: Path of a zip archive with the files `ot.bzs`, `ot.bzv`, `ot.bzz`, and those of `nt`, in any folder.

    Returns:
        A dict that maps references, such as "Gen.1.1", to verses that are not empty.

    Raises:
        UnreadableFileError: If the archive does not contain such files.
    """
    verses: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(name).name: name for name in archive.namelist()}
            for testament in ("ot", "nt"):
                files = (archive.read(members[f"{testament}.{suffix}"]) for suffix in ("bzs", "bzv", "bzz"))
                verses.update(_references(_entries(*files)))
    except (LookupError, ValueError, *DAMAGED) as error:
        raise UnreadableFileError(f"{path} does not contain a readable SWORD module: {error}.") from error
    return verses


def _entries(blocks: bytes, entries: bytes, content: bytes) -> Iterator[str]:
    """Yields the entries of a testament: headings, and verses in order.

    A block is a compressed book. Its record is (offset, compressed size, size); that of an entry is (block, offset in
    the decompressed block, size), all little-endian.
    """
    known: tuple[int, bytes] = (-1, b"")
    for block, start, size in struct.iter_unpack("<IIH", entries):
        if size and block != known[0]:
            offset, length, _ = struct.unpack_from("<III", blocks, 12 * block)
            known = block, zlib.decompressobj().decompress(content[offset : offset + length], MOST_BYTES)
        yield known[1][start : start + size].decode() if size else ""


def _references(entries: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yields references and verses. The entries after the heading of a chapter are its verses 1, 2, ..."""
    chapter, number = "", 0
    for entry in entries:
        if found := CHAPTER.search(entry):
            chapter, number = found[1], 0
        elif HEADING.search(entry):
            chapter = ""
        elif chapter:
            number += 1
            text = " ".join(TAGS.sub("", NOTES.sub(" ", entry)).split())
            text = SPACED.sub(r"\1", text)
            if text:
                yield f"{chapter}.{number}", text
