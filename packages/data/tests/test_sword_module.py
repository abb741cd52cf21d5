"""The reader of SWORD modules, with files that this module writes, and with damaged ones."""

import random
import struct
import zipfile
import zlib

import pytest

from tensorsmith.core import UnreadableFileError
from tensorsmith.data.datasets.sword_module import read_verses

OLD = [
    [""],
    [
        '<div osisID="Gen" type="book"/><title>Genesis</title>',
        '<chapter osisID="Gen.1"/>',
        "<w>In</w> the<note>a</note>.",
    ],
    [
        '<div osisID="Exod" type="book"/>',
        '<chapter osisID="Exod.1"/>',
        "",
        "Two <title>x</title>é",
        '<chapter osisID="Exod.2"/>',
        "One",
    ],
]
NEW = [
    ["", '<milestone type="x-importer" subType="x-osis2mod"/>'],
    ['<chapter osisID="Matt.1"/>', "(Last <i>one</i> )"],
]
VERSES = {"Gen.1.1": "In the.", "Exod.1.2": "Two é", "Exod.2.1": "One", "Matt.1.1": "(Last one)"}


def packed(books):
    """Returns the three files of a testament, whose blocks are books."""
    blocks = entries = content = b""
    for number, book in enumerate(books):
        start = 0
        for entry in map(str.encode, book):
            entries += struct.pack("<IIH", number, start, len(entry))
            start += len(entry)
        whole = "".join(book).encode()
        blocks += struct.pack("<III", len(content), len(zlib.compress(whole)), len(whole))
        content += zlib.compress(whole)
    return {"bzs": blocks, "bzv": entries, "bzz": content}


def write(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def files():
    named = (("ot", packed(OLD)), ("nt", packed(NEW)))
    return {f"module/{name}.{suffix}": content for name, part in named for suffix, content in part.items()}


def test_verses(files, tmp_path):
    assert read_verses(write(tmp_path / "verses.zip", files)) == VERSES


def test_damaged_files(files, tmp_path):
    """Damage is reported, or changes the verses, but raises no other error."""
    path = tmp_path / "verses.zip"
    with pytest.raises(UnreadableFileError, match="does not contain a readable SWORD module"):
        read_verses(write(path, dict(list(files.items())[1:])))
    generator = random.Random(0)
    errors = 0
    for _ in range(200):
        damaged = {name: bytearray(content) for name, content in files.items()}
        for _ in range(2):
            content = damaged[generator.choice([*damaged])]
            content[generator.randrange(len(content))] = generator.randrange(256)
        try:
            read_verses(write(path, {name: bytes(content) for name, content in damaged.items()}))
        except UnreadableFileError:
            errors += 1
    assert errors > 50
    path.write_bytes(b"PK")
    with pytest.raises(UnreadableFileError):
        read_verses(path)
