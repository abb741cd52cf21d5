"""Conversions on any runner of Apache Beam, for more data than one machine should convert."""

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import Advance, Verbatim, argument_error, replace_file
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord.conversion.pieces import EXAMPLES, Piece, RejectedError, grouped, write_piece
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.shards.index import Index
from tensorsmith.tfrecord.shards.rearrange import rearrange, runs_of
from tensorsmith.tfrecord.sources.source import Reject, Source
from tensorsmith.tfrecord.sources.table import Table

RUN = 64 << 20  # bytes of files that are read together
ERROR = ".error"  # the ending of files that tell what went wrong with a task
QUIET = ["--default_sdk_harness_log_level=WARNING"]

logging.disable(logging.WARNING)  # of what else Beam would use if it was installed
try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as error:
    raise ImportError('Apache Beam is not installed: pip install "tensorsmith-tfrecord[beam]"') from error
finally:
    logging.disable(logging.NOTSET)


class Beam:
    """The engine of a conversion whose parts are steps of two pipelines: files are encoded, then shards written.

    Workers need the source and the target folder under the same paths, as on a shared file system. What they write is,
    to the byte, what threads of one machine write. A source that is one file, or whose files have rows together
    (SQLite, COCO, VOC, IDX, `.npy` and `.npz`), is read by one worker; shards are written by many in any case.

    Args:
        runner: "DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner" or another one that Beam knows.
        options: The runner's, such as `["--direct_num_workers=4"]`.

    Raises:
        ImportError: Apache Beam is not installed.
        ValueError: Beam has no such runner.
    """

    def __init__(self, runner: str = "DirectRunner", options: Sequence[str] = ()) -> None:
        try:
            beam.runners.create_runner(runner)
        except (ValueError, ImportError, AttributeError) as error:
            raise argument_error("runner", runner, f"a runner of Apache Beam ({error})") from error
        self._runner, self._options = runner, list(options)

    def encode(self, source: Source, schema: Schema, work: Path, strict: bool, report: Advance) -> list[Piece]:
        """Pieces are numbered after the run of files that they come from."""
        if not isinstance(source, Table):
            raise argument_error("source", Verbatim(type(source).__name__), "a source that `open_source` returned")
        runs = _runs(source)
        self._each(partial(_encode, source, schema, work), list(enumerate(runs)), work)
        notes = [json.loads(_note(work, number).read_text(encoding="utf-8")) for number in range(len(runs))]
        pieces = [_piece(work, fields) for note in notes for fields in note]
        for piece in pieces:
            if strict and piece.rejects:
                raise RejectedError(piece.examples)
            report(piece.size)
        return pieces

    def rearrange(
        self, index: Index, order: np.ndarray, paths: Sequence[Path], compression: str, *, resume: bool, report: Advance
    ) -> None:
        """Shards are written beside each other, each from what the index says of its records."""
        tasks = [
            (index.of_records(run), str(path)) for path, run in zip(paths, runs_of(order, len(paths)), strict=True)
        ]
        self._each(partial(_write, compression, resume), tasks, paths[0].parent)
        report(int(index.sizes[order].sum()) + len(order) * (HEADER + FOOTER))

    def _each(self, function: Callable[[Any], None], tasks: Sequence[Any], folder: Path) -> None:
        """Calls a function with each task; its errors arrive here as one that says why."""
        for note in folder.glob(f".*{ERROR}"):  # of a call that was interrupted
            note.unlink()
        with beam.Pipeline(runner=self._runner, options=PipelineOptions([*QUIET, *self._options])) as pipeline:
            pipeline | beam.Create(tasks) | beam.Reshuffle() | beam.Map(partial(_noting_errors, function, folder))
        notes = sorted(folder.glob(f".*{ERROR}"))
        problems = [note.read_text(encoding="utf-8") for note in notes]
        for note in notes:
            note.unlink()
        if problems:
            raise OSError(problems[0])


def unknown_options(options: Sequence[str]) -> set[str]:
    """The names of options that Beam does not know; some runners pass such ones on."""
    parsed = PipelineOptions(list(options))
    logging.disable(logging.WARNING)  # about these
    try:
        return set(parsed.get_all_options(retain_unknown_options=True)) - set(parsed.get_all_options())
    finally:
        logging.disable(logging.NOTSET)


def _noting_errors(function: Callable[[Any], None], folder: Path, task: Any) -> None:
    try:
        function(task)
    except (OSError, ValueError) as error:
        (folder / f".{uuid.uuid4().hex}{ERROR}").write_text(str(error), encoding="utf-8")


def _runs(source: Table) -> list[tuple[int, int]]:
    """Where runs of files begin and end that workers read."""
    if not source.by_file:
        return [(0, len(source.files))]
    ends, size = [], 0
    for number, path in enumerate(source.files, 1):
        size += path.stat().st_size
        if size >= RUN or number == len(source.files):
            ends.append(number)
            size = 0
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _note(work: Path, number: int) -> Path:
    """A file that says which pieces there are of a run; it comes last."""
    return work / f"{number:06d}.pieces"


def _encode(source: Table, schema: Schema, work: Path, task: tuple[int, tuple[int, int]]) -> None:
    number, (begin, end) = task
    note = _note(work, number)
    if note.exists():
        return
    pieces = []
    for place, batches in enumerate(grouped(source.part(begin, end).batches(schema))):
        piece = write_piece(batches, schema, work / f"{number:06d}-{place:06d}.tfrecord")
        pieces.append({**asdict(piece), "path": piece.path.name})
    with replace_file(note) as draft:
        draft.write_text(json.dumps(pieces), encoding="utf-8")


def _piece(work: Path, fields: dict[str, Any]) -> Piece:
    examples = [Reject(**reject) for reject in fields["examples"]]
    return Piece(**{**fields, "path": work / fields["path"], "examples": examples[:EXAMPLES]})


def _write(compression: str, resume: bool, task: tuple[Index, str]) -> None:
    index, path = task
    rearrange(index, np.arange(len(index)), [path], compression, resume=resume)
