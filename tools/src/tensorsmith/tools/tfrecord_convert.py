"""`tensorsmith tfrecord convert`: conversion of a data source to TFRecord files."""

import argparse
import difflib
import os
from pathlib import Path

from tensorsmith.core import Progress, Verbatim, check, format_bytes, print_text
from tensorsmith.tools.tfrecord_source import add_source_arguments, open_given_source, required_features

NOT_BY_TFDS = (
    "compressed files, SequenceExample, strings with several variable dimensions, "
    "and optional values of variable size that are stored as bytes"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("sources", metavar="SOURCE", nargs="+", help="files, a pattern or a folder, of one format")
    parser.add_argument("dest", metavar="DEST", type=Path, help="output folder")
    parser.add_argument("--schema", metavar="FILE.yaml", type=Path, help="schema file; by default it is inferred")
    parser.add_argument("--name", help="name of the data set; default: name of the output folder")
    number = parser.add_mutually_exclusive_group()
    number.add_argument("--shards", metavar="N", type=int, help="number of files per split")
    number.add_argument("--shard-size", metavar="SIZE", default="256MB", help="approximate file size; default 256MB")
    parser.add_argument(
        "--compression", choices=("none", "gzip", "zlib"), default="none", help="compression of the files; default none"
    )
    parser.add_argument(
        "--split",
        metavar="NAME=FRACTION,...",
        help="names and fractions of the splits, such as train=0.8,test=0.2; by default all rows are train",
    )
    parser.add_argument("--shuffle", action="store_true", help="shuffle all rows; by default their order is kept")
    parser.add_argument("--seed", metavar="S", type=int, help="random seed of the shuffle; default 0")
    parser.add_argument("--workers", metavar="N", type=int, default=_cores(), help="threads to use; default all cores")
    runner = "convert with a runner of Apache Beam, such as DirectRunner; further flags are passed to the runner"
    parser.add_argument("--runner", metavar="NAME", help=runner)
    parser.add_argument("--resume", action="store_true", help="resume an interrupted run of the same command")
    parser.add_argument(
        "--rejects",
        metavar="FILE",
        type=Path,
        help="write rows that do not conform to the schema to FILE, as JSON lines",
    )
    add_source_arguments(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Converts a data source, and prints the number of rows, records and rejects."""
    from tensorsmith.tfrecord import Schema, check_target, convert, parse_size, parse_split
    from tensorsmith.tfrecord.string_columns import comments_on_strings

    check(arguments.shuffle or arguments.seed is None, "--seed", arguments.seed, "omitted unless --shuffle is set")
    if arguments.rejects and arguments.schema:
        check_target("--rejects", arguments.rejects, [arguments.schema])
    engine = None
    if arguments.runner:
        from tensorsmith.tfrecord.beam import Beam, unknown_options

        for name in unknown_options(arguments.fields):
            near = difflib.get_close_matches(name, vars(arguments), n=1, cutoff=0.8)
            remedy = f"Did you mean --{near[0].replace('_', '-')}?" if near else ""
            expected = "an option of `tensorsmith tfrecord convert` or of Apache Beam"
            check(not near, f"--{name}", Verbatim("an unknown option"), expected, remedy)
        engine = Beam(arguments.runner, arguments.fields)
    source = open_given_source(arguments)
    with Progress("tensorsmith.tools") as progress:
        done = convert(
            source,
            arguments.dest,
            name=arguments.name or arguments.dest.resolve().name,
            schema=Schema.load(arguments.schema) if arguments.schema else None,
            required=required_features(arguments),
            shards=arguments.shards,
            shard_size=parse_size(arguments.shard_size),
            compression=arguments.compression,
            split=parse_split(arguments.split) if arguments.split else None,
            shuffle=arguments.shuffle,
            seed=arguments.seed,
            workers=arguments.workers,
            resume=arguments.resume,
            rejects=arguments.rejects,
            engine=engine,
            progress=progress,
        )
    for name, split in done.splits.items():
        size = format_bytes(sum(path.stat().st_size for path in split.paths))
        files = f"{len(split.paths)} file{'s' if len(split.paths) > 1 else ''}"
        print_text(f"{name}: {split.records:,} records in {files}, {size}: {split.paths[0]}")
    where = f" ({arguments.rejects})" if done.rejects else ""
    if source.skipped:
        print_text(source.describe_skipped())
    for line in source.comments() + (comments_on_strings(source.found) if source.found else []):
        print_text(line)
    print_text(f"Read {done.rows:,} rows: {done.records:,} written, {done.rejects:,} rejected{where}.")
    if not done.for_tfds:
        print_text(f"TensorFlow Datasets cannot open these files. Not supported: {NOT_BY_TFDS}.")
    return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
