"""Data sources that read rows from files in many formats. The modules are imported on demand."""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tensorsmith.core import check
from tensorsmith.tfrecord.sources.files import Paths, UnreadableError, find_source_files
from tensorsmith.tfrecord.sources.image_files import check_image_options
from tensorsmith.tfrecord.sources.kinds import kind_of
from tensorsmith.tfrecord.sources.source import Batch, Reject, Source
from tensorsmith.tfrecord.sources.table import TableSource

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
CLASSED = ("images", "wav")  # kinds whose folder names are classes
MEDIA = (*CLASSED, "voc")  # kinds whose folders contain a row per file
ROOTED = (*CLASSED, "coco")  # kinds that need the path of the folder itself
CSV_OPTIONS = ("encoding", "delimiter", "decimal", "thousands", "missing", "header", "names", "comment", "row_names")
OPTIONS = {
    "csv": (*CSV_OPTIONS, "numeric_threshold"),
    "text": ("encoding",),
    "sqlite": ("table", "query"),
    **dict.fromkeys(("images", "voc", "coco"), ("resize", "channels")),
}


def open_source(path: Paths, **options: Any) -> TableSource:
    r"""Opens files as a data source. The file format is determined from the content and suffix of the files.

    Supported kinds are CSV, Parquet, JSON lines, NumPy, images (in folders by class, or with VOC or COCO annotations),
    text, audio, SQLite, IDX and TFRecord.

    Args:
        path: Path of a file or folder, a glob pattern such as `data/*.csv`, or a sequence of these. The rows of several
            files are concatenated; files in a folder or matching a pattern are sorted. Several folders of images or
            audio files represent classes.
        options: Options for the file format: `encoding` for CSV and text files; `table` or `query` for SQLite
            databases; `resize`, a pair of height and width, and `channels` (1, 3 or 4) for images; and for CSV files
            `missing` (a list of strings that stand for missing values, in which "pandas" stands for the strings that
            `pandas.read_csv` reads as NaN), `delimiter`, `decimal` ("." or ","), `thousands` (the separator between
            groups of three digits), `header` (`False` if the first line is a row), `names` (column names, if there is
            no header), `comment` (the character with which lines begin that are skipped), `row_names` (`True` if the
            first field of each row is a row name without a name in the header; detected by default) and
            `numeric_threshold` (fraction of the strings in a column that must be numbers, for which a numeric dtype is
            inferred).

    Returns:
        The source, which `convert` and `review` accept.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If the kind of the files is unknown or does not support an option.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "people.csv"
        >>> _ = file.write_text("name,age\nAda,36\nBlaise,\n")
        >>> print(open_source(file).infer().to_yaml())
        features:
          name: {dtype: string}
          age: {dtype: int64, optional: true, default: nan}
        <BLANKLINE>
    """
    found = find_source_files(path)
    kind, files = kind_of(found)
    options = {name: value for name, value in options.items() if value is not None}
    for name, value in options.items():
        known = OPTIONS.get(kind, ())
        check(
            name in known, name, value, f"omitted for a source of kind {kind} (options: {', '.join(known) or 'none'})"
        )
    check_image_options(options)
    root = _root([path] if isinstance(path, str | os.PathLike) else path, kind)
    module, _, name = CLASSES[kind].partition(".")
    source = getattr(import_module(f"{__name__}.{module}"), name)
    made: TableSource = source(files, root=root, **options) if kind in ROOTED else source(files, **options)
    made.options = options
    made.skipped = sorted(set(found) - set(made.files)) if kind in MEDIA else []
    return made


def _root(paths: Sequence[str | os.PathLike[str]], kind: str) -> Path | None:
    """Returns the parent of the class folders: a single given folder, or the common parent of several folders."""
    folders = [Path(path) for path in paths if Path(path).is_dir()]
    if len(paths) == 1:
        return folders[0] if folders else None
    if kind not in CLASSED or not folders:
        return None
    parents = {folder.parent for folder in folders}
    beside = len(folders) == len(paths) and len(parents) == 1
    shown = [os.fspath(path) for path in paths]
    check(
        beside,
        "source",
        shown,
        "a list of subfolders of the same folder",
        "pass the folder that contains a folder for each class",
    )
    return folders[0].parent
