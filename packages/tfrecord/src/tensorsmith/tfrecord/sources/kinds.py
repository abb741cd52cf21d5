"""Detection of the format of source files, from their content or suffix."""

import json
import mmap
import re
import zlib
from pathlib import Path

import numpy as np

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.records import scan
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, is_special, open_plain

KINDS = {
    "csv": "CSV (.csv, .tsv)",
    "parquet": "Parquet (.parquet)",
    "json": "JSON lines (.jsonl, .ndjson, .json)",
    "numpy": "NumPy (.npy, .npz)",
    "images": "folders of images by class (.png, .jpg)",
    "voc": "images with Pascal VOC annotations (.xml)",
    "coco": "images with COCO annotations (.json)",
    "text": "text (.txt)",
    "wav": "audio (.wav)",
    "sqlite": "SQLite (.sqlite, .db)",
    "idx": "IDX, the format of MNIST",
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
    """Returns the common format of several files, and the list of files that are read as this format.

    Image, audio and TFRecord files may be accompanied by text files, JSON files and files of unknown kind, which are
    skipped.

    Raises:
        ValueError: If the files are of several kinds, or of an unknown kind.
    """
    by_kind: dict[str, list[Path]] = {}
    for path in files:
        by_kind.setdefault(_kind(path), []).append(path)
    kinds = by_kind.keys() - {""}
    annotations = by_kind.get("coco", [])
    if annotations and kinds <= {"coco", "images", "text"}:
        shown, remedy = [str(path) for path in annotations], "pass one of them"
        check(len(annotations) == 1, "source", shown, "a single annotation file", remedy)
        return "coco", annotations
    if kinds - {"text"} == {"images", "voc"}:
        return "voc", by_kind["images"] + by_kind["voc"]
    for kind in ("images", "wav", "tfrecord"):
        if kinds - {"text", "json"} == {kind}:
            return kind, by_kind[kind]
    if len(by_kind) == 1 and kinds - {"voc"}:
        return next(iter(kinds)), files
    found = [f"{len(paths)} {kind}" if kind else _described(paths[0]) for kind, paths in by_kind.items()]
    remedy = "pass the files that belong together, such as `FOLDER/*.csv`" if len(files) > 1 else ""
    expected = f"a set of files in one of these formats: {'; '.join(KINDS.values())}"
    raise argument_error("source", Verbatim(" and ".join(found)), expected, remedy)


def _described(path: Path) -> str:
    """Returns the name of a file of unknown kind, and whether it is not a regular file."""
    return f"{path.name} (a named pipe, socket or device)" if is_special(path) else path.name


def _kind(path: Path) -> str:
    """Returns the format of a file, or an empty string if it is unknown."""
    if is_special(path):
        return ""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:  # such as a link without a target, which the source reports
        head = b""
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
        known = ENDINGS.get(re.sub(r"-\d.*$", "", ending))  # strips the shard number of .tfrecord-00000-of-00010
        if known:
            return "coco" if ending == ".json" and head and _is_coco(path) else known
    return "idx" if IDX_NAME.search(path.name) and _begins_as_idx(path) else ""


def _begins_as_idx(path: Path) -> bool:
    try:
        with open_plain(path) as file:
            return file.read(2) == b"\0\0"
    except (*GZIP_ERRORS, zlib.error):
        return True  # trusts the name, so that the source reports the damage


def _is_coco(path: Path) -> bool:
    """Returns `True` if a .json file is a single object with images and annotations instead of JSON Lines."""
    with path.open("rb") as file:
        first = file.readline(1 << 20)
        try:
            row = json.loads(first)
            if file.read(1):
                return False  # the file has more lines
            return isinstance(row, dict) and {"images", "annotations"} <= row.keys()
        except (ValueError, RecursionError):
            pass
        if not first:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(b'"images"') >= 0 and content.find(b'"annotations"') >= 0
