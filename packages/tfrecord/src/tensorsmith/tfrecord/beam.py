"""Conversion with Apache Beam, for data sets that are too large for a single machine."""

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import Advance, Verbatim, argument_error, replace_file, temporary_folder
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord._support.manifest import fingerprints
from tensorsmith.tfrecord.conversion.chunks import EXAMPLES, Chunk, RejectedError, grouped, write_chunk
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.shards.index import Index
from tensorsmith.tfrecord.shards.rearrange import rearrange, runs_of
from tensorsmith.tfrecord.sources.source import Reject, Source
from tensorsmith.tfrecord.sources.table import TableSource

RUN = 64 << 20  # bytes of input files that one task reads
QUIET = ["--default_sdk_harness_log_level=WARNING"]

logging.disable(logging.WARNING)  # Beam warns about optional packages that are not installed
try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as error:
    raise ImportError('Apache Beam is not installed: pip install "tensorsmith-tfrecord[beam]"') from error
finally:
    logging.disable(logging.NOTSET)


class Beam:
    """Conversion engine that uses Apache Beam.

    A conversion runs as two Beam pipelines: the first encodes the input files, the second writes the shards. Workers
    must see the source and the target folder under the same paths, as on a shared file system. The output is identical
    to that of the threads of one machine, byte for byte. A source that consists of one file, or whose rows span several
    files (SQLite, COCO, VOC, IDX, `.npy` and `.npz`), is read by one worker; shards are always written by many workers.

    Args:
        runner: Name of a Beam runner, such as "DirectRunner", "FlinkRunner", "SparkRunner" or "DataflowRunner".
        options: Command-line options of the runner, such as `["--direct_num_workers=4"]`.

    Raises:
        ImportError: If Apache Beam is not installed.
        ValueError: If Beam does not have such a runner.
    """

    def __init__(self, runner: str = "DirectRunner", options: Sequence[str] = ()) -> None:
        try:
            beam.runners.create_runner(runner)
        except (ValueError, ImportError, AttributeError) as error:
            raise argument_error("runner", runner, f"an Apache Beam runner ({error})") from error
        self._runner, self._options = runner, list(options)

    def encode(self, source: Source, schema: Schema, work: Path, strict: bool, report: Advance) -> list[Chunk]:
        """Writes encoded rows to temporary files, in parallel tasks for different ranges of the source files."""
        if not isinstance(source, TableSource):
            raise argument_error("source", Verbatim(type(source).__name__), "the return value of `open_source`")
        runs = _runs(source)
        self._each(partial(_encode, source, schema, work), list(enumerate(runs)), work)
        lists = [json.loads(_list_path(work, number).read_text(encoding="utf-8")) for number in range(len(runs))]
        chunks = [_chunk(work, fields) for chunks in lists for fields in chunks]
        for chunk in chunks:
            if strict and chunk.rejects:
                raise RejectedError(chunk.examples)
            report(chunk.size)
        return chunks

    def rearrange(
        self, index: Index, order: np.ndarray, paths: Sequence[Path], compression: str, *, resume: bool, report: Advance
    ) -> None:
        """Writes the shards in parallel tasks, each of which receives only its own part of the index."""
        tasks = [
            (index.of_records(run), str(path)) for path, run in zip(paths, runs_of(order, len(paths)), strict=True)
        ]
        self._each(partial(_write, compression, resume), tasks, paths[0].parent)
        report(int(index.sizes[order].sum()) + len(order) * (HEADER + FOOTER))

    def _each(self, function: Callable[[Any], None], tasks: Sequence[Any], folder: Path) -> None:
        """Calls a function for each task with Beam. Raises an `OSError` with the message of the first failed call."""
        options = PipelineOptions([*QUIET, *self._options])
        with temporary_folder(folder) as errors:
            with beam.Pipeline(runner=self._runner, options=options) as pipeline:
                pipeline | beam.Create(tasks) | beam.Reshuffle() | beam.Map(partial(_writing_errors, function, errors))
            problems = [file.read_text(encoding="utf-8") for file in sorted(errors.iterdir())]
        if problems:
            raise OSError(problems[0])


def unknown_options(options: Sequence[str]) -> set[str]:
    """Returns the names of the options that Beam itself does not recognize. The runner may recognize them."""
    parsed = PipelineOptions(list(options))
    logging.disable(logging.WARNING)  # Beam warns about the unknown options
    try:
        return set(parsed.get_all_options(retain_unknown_options=True)) - set(parsed.get_all_options())
    finally:
        logging.disable(logging.NOTSET)


def _writing_errors(function: Callable[[Any], None], folder: Path, task: Any) -> None:
    try:
        function(task)
    except (OSError, ValueError) as error:
        (folder / uuid.uuid4().hex).write_text(str(error), encoding="utf-8")


def _runs(source: TableSource) -> list[tuple[int, int]]:
    """Returns pairs of the start and end index of the source files that each task processes."""
    if not source.by_file:
        return [(0, len(source.files))]
    ends, size = [], 0
    for number, (_, length, _) in enumerate(fingerprints(source.files), 1):
        size += length
        if size >= RUN or number == len(source.files):
            ends.append(number)
            size = 0
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _list_path(work: Path, number: int) -> Path:
    """Returns the path of the file in which a completed task lists its output files."""
    return work / f"{number:06d}.chunks"


def _encode(source: TableSource, schema: Schema, work: Path, task: tuple[int, tuple[int, int]]) -> None:
    number, (begin, end) = task
    list_path = _list_path(work, number)
    if list_path.exists():
        return
    chunks = []
    for position, batches in enumerate(grouped(source.part(begin, end).batches(schema))):
        chunk = write_chunk(batches, schema, work / f"{number:06d}-{position:06d}.tfrecord")
        chunks.append({**asdict(chunk), "path": chunk.path.name})
    with replace_file(list_path) as draft:
        draft.write_text(json.dumps(chunks), encoding="utf-8")


def _chunk(work: Path, fields: dict[str, Any]) -> Chunk:
    examples = [Reject(**reject) for reject in fields["examples"]]
    return Chunk(**{**fields, "path": work / fields["path"], "examples": examples[:EXAMPLES]})


def _write(compression: str, resume: bool, task: tuple[Index, str]) -> None:
    index, path = task
    rearrange(index, np.arange(len(index)), [path], compression, resume=resume)
