"""Files of many kinds as sources of examples. What reads each kind is imported when it is needed."""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tensorsmith.core import check
from tensorsmith.tfrecord.sources.files import Paths, UnreadableError, find_source_files
from tensorsmith.tfrecord.sources.kinds import kind_of
from tensorsmith.tfrecord.sources.source import Batch, Reject, Source
from tensorsmith.tfrecord.sources.table import Table

__all__ = ["Batch", "Reject", "Source", "UnreadableError", "open_source"]

CLASSES = {
    "csv": "csv_files.CsvFiles",
    "parquet": "parquet.ParquetFiles",
    "json": "json_lines.JsonLines",
    "numpy": "numpy_files.NumpyFiles",
    "images": "image_folders.ImageFolders",
    "voc": "voc.Voc",
    "coco": "coco.Coco",
    "text": "text.TextFiles",
    "wav": "wav.WavFiles",
    "sqlite": "sqlite.SqliteTable",
    "idx": "idx.IdxFiles",
    "tfrecord": "tfrecord_files.TfrecordFiles",
}
CLASSED = ("images", "wav")  # where names of folders are classes
ROOTED = (*CLASSED, "coco")  # where the folder itself says something
OPTIONS = {"csv": ("encoding",), "text": ("encoding",), "sqlite": ("table", "query")}


def open_source(path: Paths, **options: Any) -> Table:
    r"""Rows of files, of a kind that is told by what they hold or how they end.

    CSV, Parquet, JSON lines, NumPy, images (in folders by class, or with annotations of VOC or COCO), text, sound,
    SQLite, IDX and TFRecord.

    Args:
        path: A file, a folder, a pattern such as `data/*.csv`, or several of these. Files have their rows one after the
            other, sorted within a folder or pattern. Several folders of images or sounds are classes.
        options: `encoding` of CSV and text; `table` or `query` of SQLite.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The kind is not known, or has no such option.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "people.csv"
        >>> _ = file.write_text("name,age\nAda,36\nBlaise,\n")
        >>> print(open_source(file).infer().to_yaml())
        features:
          name: {dtype: string}
          age: {dtype: int64, optional: true}
        <BLANKLINE>
    """
    kind, files = kind_of(find_source_files(path))
    options = {name: value for name, value in options.items() if value is not None}
    for name, value in options.items():
        known = OPTIONS.get(kind, ())
        check(name in known, name, value, f"{' or '.join(known) or 'no option'} for a source of kind {kind}")
    root = _root([path] if isinstance(path, str | os.PathLike) else path, kind)
    module, _, name = CLASSES[kind].partition(".")
    source = getattr(import_module(f"{__name__}.{module}"), name)
    made: Table = source(files, root=root) if kind in ROOTED else source(files, **options)
    made.options = options
    return made


def _root(paths: Sequence[str | os.PathLike[str]], kind: str) -> Path | None:
    """The folder that has the folders of classes: the one that was named, or the one above several."""
    folders = [Path(path) for path in paths if Path(path).is_dir()]
    if len(paths) == 1:
        return folders[0] if folders else None
    if kind not in CLASSED or not folders:
        return None
    parents = {folder.parent for folder in folders}
    beside = len(folders) == len(paths) and len(parents) == 1
    shown = [os.fspath(path) for path in paths]
    check(beside, "source", shown, "folders of one folder", "name the folder that has a folder for each class")
    return folders[0].parent
