"""Any source as TFRecord files."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorsmith.core import SILENT, Progress, argument_error, check, replace_file
from tensorsmith.tfrecord._support.manifest import Manifest, fingerprints
from tensorsmith.tfrecord.conversion.engine import Engine, Threads
from tensorsmith.tfrecord.conversion.pieces import PIECE, REJECTS, Piece, RejectedError
from tensorsmith.tfrecord.conversion.tfds_metadata import INFO, write_tfds_metadata
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.schema.stored import SCHEMA
from tensorsmith.tfrecord.shards.compression import COMPRESSIONS
from tensorsmith.tfrecord.shards.layout import shard_lengths
from tensorsmith.tfrecord.shards.paths import check_target
from tensorsmith.tfrecord.shards.reorder import Split, reorder
from tensorsmith.tfrecord.sources.source import Source

WORK = ".convert"  # in the folder, while it is under way
MANIFEST, LOCK = "asked.json", "lock"  # in there: what is asked for, and what keeps others out


class SourceChangedError(OSError):
    """The source's files are not what they were when the conversion began."""


@dataclass(frozen=True)
class Converted:
    """The result of a conversion: `rows` are `records` and `rejects`.

    Attributes:
        rows: How many rows the source has.
        records: How many of them were written.
        rejects: How many were not.
        splits: The records and shards of each split.
        for_tfds: Whether TensorFlow Datasets can open the folder.
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
    shards: int | None = None,
    shard_size: int = 256_000_000,
    compression: str = "none",
    split: Mapping[str, float] | None = None,
    seed: int | None = None,
    workers: int = 1,
    resume: bool = False,
    rejects: str | os.PathLike[str] | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Converted:
    """Writes the rows of a source as `tf.train.Example`, in shards `NAME-SPLIT.tfrecord-00000-of-00010`.

    First pieces in the source's order are written into a folder `.convert` of the target, by several threads; then
    shards from these, each whole or not at all. What comes out depends neither on the number of threads nor on
    interruptions.
    The folder can be opened by `tfds.builder_from_directory`, and has `schema.yaml` and an index beside each shard.

    Args:
        source: As `open_source` gives it.
        folder: Where to; it is made where it is missing.
        name: Of the data set.
        schema: What examples hold; `None` takes what the source infers.
        shards: How many shards to a split.
        shard_size: About how many bytes a shard has, where `shards` is `None`.
        compression: "none", "gzip" or "zlib".
        split: Name to share of each split; by default all is `train`.
        seed: Of the order; `None` keeps that of the source.
        workers: How many threads, without an engine.
        resume: Whether to go on where an interrupted conversion of the same source stopped; one that is done is left
            as it is.
        rejects: A file for the rows that do not fit, a JSON object each. `None` refuses them.
        engine: What does the work in place of threads, such as `tensorsmith.tfrecord.beam.Beam`.
        progress: Shows the progress.

    Raises:
        RejectedError: Rows do not fit, and there is no file for rejects.
        ValueError: Another conversion is at work in the folder, or was interrupted there and `resume` is false or the
            source, the schema or the rest is not the same.
        OSError: The source or the disk fails. `resume` continues with what was written so far.
    """
    shaping: dict[str, Any] = {"shards": shards, "shard_size": shard_size, "compression": compression, "seed": seed}
    _check(name, workers, rejects, source, **shaping)
    folder, split = Path(folder), split or {"train": 1.0}
    check("all" not in split, "split", "all", "another name", "TensorFlow Datasets calls all splits together so")
    work, engine = folder / WORK, engine or Threads(workers)
    with _alone(folder, work):
        schema = schema or source.infer()
        asked: dict[str, Any] = {
            "schema": schema.to_yaml(),
            "name": name,
            "source": fingerprints(source.files),
            "options": dict(source.options),
        }
        asked |= {"collection of rejects": rejects is not None, "size of pieces": PIECE}
        asked |= {**shaping, "split": split}
        kept = asked | {"rejects": rejects and os.fspath(Path(rejects).absolute())}
        if resume and (done := _done(folder, name, kept)):
            return done
        manifest = Manifest(work / MANIFEST, asked | {"engine": type(engine).__name__})
        resumed = _begin(folder, name, resume, manifest)
        try:
            pieces = _encode(engine, source, schema, work, rejects is None, progress)
        except (RejectedError, SourceChangedError):
            shutil.rmtree(work)  # as another schema, or what the source is now, begins anew
            raise
        if rejects is not None:
            with replace_file(rejects) as draft, draft.open("w", encoding="utf-8") as file:
                for piece in pieces:
                    file.write(piece.path.with_suffix(REJECTS).read_text(encoding="utf-8"))
        pa.default_memory_pool().release_unused()  # room for the index
        rows, rejected = sum(piece.rows for piece in pieces), sum(piece.rejects for piece in pieces)
        shaping |= {"resume": resumed, "manifest": work / "reorder.json"}
        paths = [piece.path for piece in pieces]
        written = reorder(
            paths, folder, name=name, **shaping, split=split, progress=progress, rearrange=engine.rearrange
        )
        lengths = {part: shard_lengths(made.records, len(made.paths)) for part, made in written.items()}
        sizes = {part: sum(path.stat().st_size for path in made.paths) for part, made in written.items()}
        schema.save(folder / SCHEMA)
        for_tfds = write_tfds_metadata(folder, name, schema, lengths, sizes, compression)
        done = Converted(rows, rows - rejected, rejected, written, for_tfds)
        _note_done(folder, name, kept, done)
        shutil.rmtree(work)
    return done


@contextlib.contextmanager
def _alone(folder: Path, work: Path) -> Iterator[None]:
    """Keeps other conversions out of the folder, those of other processes as well."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise argument_error("folder", str(folder), "one in which no other conversion is at work") from None
        try:
            yield
        finally:
            if work.exists() and not (work / MANIFEST).exists():  # nothing to go on with
                shutil.rmtree(work)


def _check(
    name: str,
    workers: int,
    rejects: str | os.PathLike[str] | None,
    source: Source,
    shards: int | None,
    shard_size: int,
    compression: str,
    seed: int | None,
) -> None:
    """Says at once what would stop the end of long work."""
    check(bool(name) and Path(name).name == name and name[0] != ".", "name", name, "a name without a folder")
    check(workers > 0, "workers", workers, "one or more")
    check(shards is None or shards > 0, "shards", shards, "one or more")
    check(shard_size > 0, "shard_size", shard_size, "a positive number of bytes")
    check(compression in COMPRESSIONS, "compression", compression, " or ".join(COMPRESSIONS))
    check(seed is None or seed >= 0, "seed", seed, "0 or more")
    known = rejects is None or Path(rejects).absolute().parent.is_dir()
    check(known, "rejects", rejects, "a file in a folder that is there")
    if rejects is not None:
        check_target("rejects", rejects, source.files)


def _begin(folder: Path, name: str, resume: bool, manifest: Manifest) -> bool:
    """Notes what is asked for, or sees that it is what an interrupted conversion was asked for; whether one was."""
    if manifest.path.exists():
        remedy = f"--resume goes on with it, or remove {folder / WORK}"
        check(resume, "folder", str(folder), "one without an interrupted conversion", remedy)
        manifest.check_unchanged(f"ask for the same, or remove {folder / WORK} to begin anew")
        return True
    there = sorted(path for path in folder.iterdir() if path.name.startswith(f"{name}-") and ".tfrecord-" in path.name)
    there += [path for path in (folder / SCHEMA, folder / INFO) if path.exists()]
    remedy = f"remove {there[0].name} and what belongs to it, or name another folder" if there else ""
    check(not there, "folder", str(folder), "one without a data set", remedy)
    for path in (folder / WORK).iterdir():  # which somebody began to remove
        if path.name != LOCK:
            path.unlink()
    manifest.write()
    return False


def _note_of(folder: Path, name: str) -> Path:
    return folder / f".{name}.convert.json"


def _note_done(folder: Path, name: str, asked: dict[str, Any], done: Converted) -> None:
    """Notes what was asked for, and the result."""
    splits = {part: [made.records, [path.name for path in made.paths]] for part, made in done.splits.items()}
    note = {"asked": asked, "result": {**vars(done), "splits": splits}, "files": _sizes(folder, asked, done)}
    with replace_file(_note_of(folder, name)) as draft:
        draft.write_text(json.dumps(note), encoding="utf-8")


def _sizes(folder: Path, asked: dict[str, Any], done: Converted) -> dict[str, int]:
    """The sizes of what was written, 0 of what is not there."""
    paths = [path for made in done.splits.values() for path in made.paths]
    paths += [folder / SCHEMA, *([folder / INFO] if done.for_tfds else [])]
    paths += [Path(asked["rejects"])] if asked["rejects"] else []
    return {os.path.relpath(path, folder): path.stat().st_size if path.exists() else 0 for path in paths}


def _done(folder: Path, name: str, asked: dict[str, Any]) -> Converted | None:
    """The result of a conversion with the same arguments that is still as it was; `None` without one."""
    if (folder / WORK / MANIFEST).exists():
        return None
    try:
        noted = json.loads(_note_of(folder, name).read_text(encoding="utf-8"))
        splits = noted["result"].pop("splits")
        made = {part: Split(records, [folder / file for file in files]) for part, (records, files) in splits.items()}
        done = Converted(**noted["result"], splits=made)
        same = noted["asked"] == json.loads(json.dumps(asked)) and noted["files"] == _sizes(folder, asked, done)
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is no such note
        return None
    return done if same else None


def _encode(
    engine: Engine, source: Source, schema: Schema, work: Path, strict: bool, progress: Progress
) -> list[Piece]:
    before = fingerprints(source.files)
    task = progress.start("encoding", sum(size for _, size, _ in before))
    pieces = engine.encode(source, schema, work, strict, task.advance)
    if fingerprints(source.files) != before:
        raise SourceChangedError("the source has changed while it was converted; nothing was written")
    return pieces
