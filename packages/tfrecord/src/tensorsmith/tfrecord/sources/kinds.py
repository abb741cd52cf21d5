"""What kind of source files are, told by what they hold, or by how they end."""

import json
import mmap
import re
import zlib
from pathlib import Path

import numpy as np

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.records import scan
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, open_plain

KINDS = {
    "csv": "CSV (.csv, .tsv)",
    "parquet": "Parquet (.parquet)",
    "json": "JSON lines (.jsonl, .ndjson, .json)",
    "numpy": "NumPy (.npy, .npz)",
    "images": "folders of images by class (.png, .jpg)",
    "voc": "images with VOC's annotations (.xml)",
    "coco": "COCO's annotations (.json)",
    "text": "text (.txt)",
    "wav": "sound (.wav)",
    "sqlite": "SQLite (.sqlite, .db)",
    "idx": "IDX, as MNIST has it",
    "tfrecord": "TFRecord",
}
BEGINNINGS = {
    b"PAR1": "parquet",
    b"SQLite format 3\0": "sqlite",
    b"\x93NUMPY": "numpy",
    b"\x89PNG\r\n\x1a\n": "images",
    b"\xff\xd8\xff": "images",
}
ENDINGS = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    **dict.fromkeys((".npy", ".npz"), "numpy"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"), "images"),
    **dict.fromkeys((".txt", ".text"), "text"),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), "sqlite"),
    **dict.fromkeys((".tfrecord", ".tfrecords"), "tfrecord"),
    ".xml": "voc",
    ".wav": "wav",
    ".idx": "idx",
}
IDX_NAME = re.compile(r"idx\d")


def kind_of(files: list[Path]) -> tuple[str, list[Path]]:
    """The kind of files that belong together, and those of them that make the source.

    Beside images, sounds and TFRecord files there may be texts, JSON, and files of no kind, which are left out.

    Raises:
        ValueError: They are of several kinds, or of none that is known.
    """
    by_kind: dict[str, list[Path]] = {}
    for path in files:
        by_kind.setdefault(_kind(path), []).append(path)
    kinds = by_kind.keys() - {""}
    annotations = by_kind.get("coco", [])
    if annotations and kinds <= {"coco", "images", "text"}:
        shown, remedy = [str(path) for path in annotations], "name one of them"
        check(len(annotations) == 1, "source", shown, "one file of annotations", remedy)
        return "coco", annotations
    if kinds - {"text"} == {"images", "voc"}:
        return "voc", by_kind["images"] + by_kind["voc"]
    for kind in ("images", "wav", "tfrecord"):
        if kinds - {"text", "json"} == {kind}:
            return kind, by_kind[kind]
    if len(by_kind) == 1 and kinds - {"voc"}:
        return next(iter(kinds)), files
    found = [f"{len(paths)} {kind}" if kind else paths[0].name for kind, paths in by_kind.items()]
    remedy = "name those that belong together, as `FOLDER/*.csv`" if len(files) > 1 else ""
    expected = f"files of one of these kinds: {'; '.join(KINDS.values())}"
    raise argument_error("source", Verbatim(" and ".join(found)), expected, remedy)


def _kind(path: Path) -> str:
    """The kind of a file; empty where it is not known."""
    with path.open("rb") as file:
        head = file.read(16)
    if path.suffix == INDEX_SUFFIX:
        return ""
    for beginning, kind in BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if scan(np.frombuffer(head[:12], "uint8")).needed:
        return "tfrecord"
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"]
    for ending in reversed(endings):
        known = ENDINGS.get(re.sub(r"-\d.*$", "", ending))  # of shards, as .tfrecord-00000-of-00010
        if known:
            return "coco" if ending == ".json" and _is_coco(path) else known
    return "idx" if IDX_NAME.search(path.name) and _begins_as_idx(path) else ""


def _begins_as_idx(path: Path) -> bool:
    try:
        with open_plain(path) as file:
            return file.read(2) == b"\0\0"
    except (*GZIP_ERRORS, zlib.error):
        return True  # as its name says, so that the source tells what is wrong


def _is_coco(path: Path) -> bool:
    """Whether a .json file is one object with images and annotations, not an object a line."""
    with path.open("rb") as file:
        first = file.readline(1 << 20)
        try:
            row = json.loads(first)
            if file.read(1):
                return False  # more lines
            return isinstance(row, dict) and {"images", "annotations"} <= row.keys()
        except ValueError:
            pass
        if not first:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(b'"images"') >= 0 and content.find(b'"annotations"') >= 0
