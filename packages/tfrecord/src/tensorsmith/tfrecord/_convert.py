"""Conversion of data sources to TFRecord files."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorsmith.core import SILENT, Progress, check, replace_file, temporary_folder
from tensorsmith.tfrecord._support.folder_lock import LOCK, folder_lock
from tensorsmith.tfrecord._support.manifest import Manifest, check_created, fingerprints
from tensorsmith.tfrecord.conversion.chunks import CHUNK, REJECTS, Chunk, RejectedError
from tensorsmith.tfrecord.conversion.engine import Engine, Threads
from tensorsmith.tfrecord.conversion.tfds_metadata import (
    FEATURES_FILE,
    INFO,
    LABELS_SUFFIX,
    tfds_files,
    write_tfds_metadata,
)
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.schema.stored import SCHEMA
from tensorsmith.tfrecord.shards.compression import COMPRESSIONS
from tensorsmith.tfrecord.shards.layout import shard_lengths
from tensorsmith.tfrecord.shards.paths import check_not_companion, check_target, location
from tensorsmith.tfrecord.shards.reorder import Split, reorder
from tensorsmith.tfrecord.sources.image_files import with_image_options
from tensorsmith.tfrecord.sources.source import Source
from tensorsmith.tfrecord.sources.table import TableSource

WORK = ".convert"  # subfolder of the target that holds intermediate files during a conversion
MANIFEST = "arguments.json"  # in `WORK`: the arguments of the conversion
METADATA = ("arguments", "result", "files")  # in the metadata file of a completed conversion


class SourceChangedError(OSError):
    """Error raised if the source files have changed since the conversion started."""


@dataclass(frozen=True)
class Converted:
    """Result of a conversion to TFRecord files, with the numbers of rows, records and rejected rows.

    Attributes:
        rows: Number of rows in the source.
        records: Number of rows that were written as records.
        rejects: Number of rows that were rejected.
        splits: Name of each split mapped to its records and shards.
        for_tfds: `True` if TensorFlow Datasets can open the folder.
    """

    rows: int
    records: int
    rejects: int
    splits: dict[str, Split]
    for_tfds: bool


def convert(
    source: Source,
    folder: str | os.PathLike[str],
    *,
    name: str,
    schema: Schema | None = None,
    required: Iterable[str] = (),
    shards: int | None = None,
    shard_size: int = 256_000_000,
    compression: str = "none",
    split: Mapping[str, float] | None = None,
    shuffle: bool | None = None,
    seed: int | None = None,
    workers: int = 1,
    resume: bool = False,
    rejects: str | os.PathLike[str] | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Converted:
    """Converts the rows of a data source to examples in TFRecord files `NAME-SPLIT.tfrecord-00000-of-00010`.

    The rows are first encoded by several threads into intermediate files in a subfolder `.convert` of the target. The
    shards are then assembled from these files, and each shard is written atomically. The output depends neither on the
    number of threads nor on interruptions.
    The folder can be opened by `tfds.builder_from_directory`. It contains `schema.yaml` and an index next to each
    uncompressed shard.

    Args:
        source: Data source to convert, as returned by `open_source`.
        folder: Output folder. It is created if it does not exist.
        name: Name of the data set.
        schema: Schema of the examples. If `None`, it is inferred from the data source. CSV files are read with the
            options in the schema, unless `open_source` was called with other options. The options `resize` and
            `channels` of images take precedence over the shape in the schema.
        required: Names of features, such as the label, that are not optional, whatever the schema says: rows that lack
            one of them are rejected.
        shards: Number of shards in each split.
        shard_size: Approximate size of a shard in bytes, used if `shards` is `None`.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        split: Mapping from split names to fractions of the rows. Defaults to a single split `train`.
        shuffle: If `True`, all rows are shuffled. If `False`, their order is preserved. If `None`, they are shuffled
            if a seed is passed.
        seed: Random seed for shuffling. Defaults to 0 if `shuffle` is `True`.
        workers: Number of threads, used if `engine` is `None`.
        resume: If `True`, resume an interrupted conversion of the same data source. A completed conversion is left
            unchanged.
        rejects: Path of a JSON Lines file to which rows that do not conform to the schema are written. If `None`, such
            rows raise an error.
        engine: Conversion engine to use instead of threads, such as `tensorsmith.tfrecord.beam.Beam`.
        progress: Progress display to use.

    Returns:
        A `Converted` with the numbers of rows, records and rejects, and the shards of each split.

    Raises:
        RejectedError: If rows do not fit the schema and `rejects` is `None`.
        ValueError: If a conversion was interrupted in the folder, and `resume` is `False` or the source, the schema or
            another argument has changed; or if the folder contains a data set, or a file of another program with the
            name of an output file.
        BlockingIOError: If another process is writing to the folder.
        OSError: If the source cannot be read or the disk cannot be written. `resume` continues from the rows that were
            written so far.
    """
    check(shuffle in (True, False, None), "shuffle", shuffle, "True, False or None")
    check(shuffle is not False or seed is None, "seed", seed, "None if `shuffle` is False")
    seed = 0 if shuffle and seed is None else seed
    shaping: dict[str, Any] = {"shards": shards, "shard_size": shard_size, "compression": compression, "seed": seed}
    folder, split = Path(folder), split or {"train": 1.0}
    _check(folder, name, workers, rejects, source, **shaping)
    check(
        "all" not in split,
        "split",
        "all",
        'contain only names other than "all"',
        'choose another name, because TensorFlow Datasets reserves "all" for the union of all splits',
    )
    work, engine = folder / WORK, engine or Threads(workers)
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder):
        schema = (schema or source.infer()).require(required)
        if isinstance(source, TableSource):  # the options of other sources may have other meanings
            schema = with_image_options(schema, source.options)
        arguments: dict[str, Any] = {
            "schema": schema.to_yaml(),
            "name": name,
            "source": fingerprints(source.files),
            "options": dict(source.options),
        }
        arguments |= {"collection of rejects": rejects is not None, "size of chunks": CHUNK}
        arguments |= {**shaping, "split": split}
        all_arguments = arguments | {"rejects": rejects and os.fspath(Path(rejects).absolute())}
        if resume and (done := _done(folder, name, all_arguments)):
            return done
        manifest = Manifest(work / MANIFEST, arguments | {"engine": type(engine).__name__})
        resumed = _begin(folder, name, schema, resume, manifest)
        try:
            chunks = _encode(engine, source, schema, work, rejects is None, progress)
        except (RejectedError, SourceChangedError):
            _remove(work)  # a different schema or a changed source requires a fresh start
            raise
        if rejects is not None:
            with replace_file(rejects) as draft, draft.open("w", encoding="utf-8") as file:
                for chunk in chunks:
                    file.write(chunk.path.with_suffix(REJECTS).read_text(encoding="utf-8"))
        pa.default_memory_pool().release_unused()  # frees memory for the index
        rows, rejected = sum(chunk.rows for chunk in chunks), sum(chunk.rejects for chunk in chunks)
        shaping |= {"resume": resumed, "manifest": work / "reorder.json"}
        paths = [chunk.path for chunk in chunks]
        written = reorder(
            paths, folder, name=name, **shaping, split=split, progress=progress, rearrange=engine.rearrange
        )
        lengths = {part: shard_lengths(made.records, len(made.paths)) for part, made in written.items()}
        sizes = {part: sum(path.stat().st_size for path in made.paths) for part, made in written.items()}
        schema.save(folder / SCHEMA)
        for_tfds = write_tfds_metadata(folder, name, schema, lengths, sizes, compression)
        done = Converted(rows, rows - rejected, rejected, written, for_tfds)
        _write_metadata(folder, name, all_arguments, done)
        _remove(work)
    return done


def _check(
    folder: Path,
    name: str,
    workers: int,
    rejects: str | os.PathLike[str] | None,
    source: Source,
    shards: int | None,
    shard_size: int,
    compression: str,
    seed: int | None,
) -> None:
    """Raises an error if an argument of a conversion is invalid."""
    check(bool(name) and Path(name).name == name and name[0] != ".", "name", name, "a file name without a folder")
    check(workers > 0, "workers", workers, ">= 1")
    check(shards is None or shards > 0, "shards", shards, ">= 1")
    check(shard_size > 0, "shard_size", shard_size, "a positive number of bytes")
    check(compression in COMPRESSIONS, "compression", compression, " or ".join(COMPRESSIONS))
    check(seed is None or seed >= 0, "seed", seed, "a non-negative integer")
    known = rejects is None or Path(rejects).absolute().parent.is_dir()
    check(known, "rejects", rejects and os.fspath(rejects), "a file in an existing folder")
    if rejects is not None:
        check_target("rejects", rejects, source.files)
        check_not_companion("rejects", rejects, source.files)
        received = os.fspath(rejects)
        expected = "differ from the files that the conversion itself writes"
        check(not _is_output(Path(rejects), folder, name), "rejects", received, expected, "pass another file name")


def _is_output(path: Path, folder: Path, name: str) -> bool:
    """Returns `True` if the conversion itself writes a file or folder with this path."""
    path, folder = location(path), folder.resolve()
    if path == folder or folder / WORK in (path, *path.parents):
        return True
    fixed = (LOCK, SCHEMA, INFO, FEATURES_FILE, _metadata_path(folder, name).name)
    is_written = path.name in fixed or path.name.endswith(LABELS_SUFFIX) or _is_shard(path, name)
    return path.parent == folder and is_written


def _is_shard(path: Path, name: str) -> bool:
    return path.name.startswith(f"{name}-") and ".tfrecord-" in path.name


def _begin(folder: Path, name: str, schema: Schema, resume: bool, manifest: Manifest) -> bool:
    """Writes the manifest of a new conversion, or returns `True` to resume an interrupted conversion."""
    work = manifest.path.parent
    check_created(not work.is_symlink() and (manifest.exists() or not os.path.lexists(work)), work)
    if manifest.exists():
        remedy = f"resume it with --resume, or remove {work}"
        check(resume, "folder", str(folder), "not contain an interrupted conversion", remedy)
        manifest.check_unchanged(f"pass the same arguments, or remove {work} to start again")
        return True
    there = sorted(path for path in folder.iterdir() if _is_shard(path, name))
    there += [path for path in (folder / SCHEMA, *tfds_files(folder, schema)) if os.path.lexists(path)]
    remedy = f"remove {there[0].name} and its companion files, or pass another folder" if there else ""
    check(not there, "folder", str(folder), "not contain a data set", remedy)
    Manifest(_metadata_path(folder, name), dict.fromkeys(METADATA)).exists()  # refuses a file of another program
    with temporary_folder(folder) as draft:  # so that `work` never exists without the manifest
        Manifest(draft / WORK / MANIFEST, manifest.arguments).write()
        (draft / WORK).rename(work)
    return False


def _remove(work: Path) -> None:
    """Removes the folder of intermediate files. If this is interrupted, the next process removes the rest."""
    with temporary_folder(work.parent) as folder:
        work.rename(folder / WORK)


def _metadata_path(folder: Path, name: str) -> Path:
    return folder / f".{name}.convert.json"


def _write_metadata(folder: Path, name: str, arguments: dict[str, Any], done: Converted) -> None:
    """Writes the arguments and the result of a completed conversion to its metadata file."""
    splits = {part: [made.records, [path.name for path in made.paths]] for part, made in done.splits.items()}
    values = (arguments, {**vars(done), "splits": splits}, _sizes(folder, arguments, done))
    Manifest(_metadata_path(folder, name), dict(zip(METADATA, values, strict=True))).write()


def _sizes(folder: Path, arguments: dict[str, Any], done: Converted) -> dict[str, int]:
    """Returns a dict that maps each output file to its size in bytes, or to 0 if the file does not exist."""
    paths = [path for made in done.splits.values() for path in made.paths]
    paths += [folder / SCHEMA, *([folder / INFO] if done.for_tfds else [])]
    paths += [Path(arguments["rejects"])] if arguments["rejects"] else []
    return {os.path.relpath(path, folder): path.stat().st_size if path.exists() else 0 for path in paths}


def _done(folder: Path, name: str, arguments: dict[str, Any]) -> Converted | None:
    """Returns the result of an earlier conversion with the same arguments and intact output files, or `None`."""
    path = _metadata_path(folder, name)
    if (folder / WORK / MANIFEST).exists() or not path.is_file():
        return None
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        splits = metadata["result"].pop("splits")
        made = {part: Split(records, [folder / file for file in files]) for part, (records, files) in splits.items()}
        done = Converted(**metadata["result"], splits=made)
        same = metadata["arguments"] == json.loads(json.dumps(arguments)) and metadata["files"] == _sizes(
            folder, arguments, done
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # the file is missing or not valid
        return None
    return done if same else None


def _encode(
    engine: Engine, source: Source, schema: Schema, work: Path, strict: bool, progress: Progress
) -> list[Chunk]:
    before = fingerprints(source.files)
    task = progress.start("encoding", sum(size for _, size, _ in before))
    chunks = engine.encode(source, schema, work, strict, task.advance)
    if fingerprints(source.files) != before:
        raise SourceChangedError("The source changed during the conversion; nothing was written.")
    return chunks
