"""`tensorsmith tfrecord convert`: any source as TFRecord files."""

import argparse
import difflib
import os
from pathlib import Path

from tensorsmith.core import Progress, Verbatim, check, format_bytes

NOT_BY_TFDS = "no compressed files, no sequences, no texts of which several sizes vary, no gaps between such numbers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags."""
    parser.add_argument("sources", metavar="SOURCE", nargs="+", help="files, a pattern or a folder of one kind")
    parser.add_argument("dest", metavar="DEST", type=Path, help="the folder to write into")
    parser.add_argument("--schema", metavar="FILE.yaml", type=Path, help="as infer wrote it; by default it is inferred")
    parser.add_argument("--name", help="of the data set; by default that of the folder")
    number = parser.add_mutually_exclusive_group()
    number.add_argument("--shards", metavar="N", type=int, help="how many files to a split")
    number.add_argument("--shard-size", metavar="SIZE", default="256MB", help="about how large each is; default 256MB")
    parser.add_argument("--compression", choices=("none", "gzip", "zlib"), default="none", help="default none")
    parser.add_argument("--split", metavar="NAME=SHARE,...", help="such as train=0.8,test=0.2; by default all is train")
    parser.add_argument("--shuffle", action="store_true", help="all rows together; by default they keep their order")
    parser.add_argument("--seed", metavar="S", type=int, help="of the shuffle; default 0")
    parser.add_argument("--workers", metavar="N", type=int, default=_cores(), help="threads; default all cores")
    runner = "have a runner of Apache Beam do it, such as DirectRunner; further flags are the runner's own"
    parser.add_argument("--runner", metavar="NAME", help=runner)
    parser.add_argument("--resume", action="store_true", help="go on with what the same command began")
    parser.add_argument("--rejects", metavar="FILE", type=Path, help="collect rows that do not fit, as JSON lines")
    parser.add_argument("--encoding", help="of CSV and text; default utf-8")
    parser.add_argument("--table", help="of SQLite, where there are several")
    parser.add_argument("--query", metavar="SELECT", help="of SQLite, in place of a table")


def execute(arguments: argparse.Namespace) -> int:
    """Converts, and says how many rows became what."""
    from tensorsmith.tfrecord import Schema, convert, open_source, parse_size, parse_split

    check(arguments.shuffle or arguments.seed is None, "--seed", arguments.seed, "none without --shuffle")
    engine = None
    if arguments.runner:
        from tensorsmith.tfrecord.beam import Beam, unknown_options

        for name in unknown_options(arguments.fields):
            near = difflib.get_close_matches(name, vars(arguments), n=1, cutoff=0.8)
            remedy = f"did you mean --{near[0].replace('_', '-')}?" if near else ""
            received = Verbatim("a flag that neither convert nor Beam has")
            check(not near, f"--{name}", received, "one that is there", remedy)
        engine = Beam(arguments.runner, arguments.fields)
    options = {name: getattr(arguments, name) for name in ("encoding", "table", "query")}
    path = arguments.sources[0] if len(arguments.sources) == 1 else arguments.sources
    source = open_source(path, **options)
    with Progress("tensorsmith.tools") as progress:
        done = convert(
            source,
            arguments.dest,
            name=arguments.name or arguments.dest.resolve().name,
            schema=Schema.load(arguments.schema) if arguments.schema else None,
            shards=arguments.shards,
            shard_size=parse_size(arguments.shard_size),
            compression=arguments.compression,
            split=parse_split(arguments.split) if arguments.split else None,
            seed=(arguments.seed or 0) if arguments.shuffle else None,
            workers=arguments.workers,
            resume=arguments.resume,
            rejects=arguments.rejects,
            engine=engine,
            progress=progress,
        )
    for name, split in done.splits.items():
        size = format_bytes(sum(path.stat().st_size for path in split.paths))
        files = f"{len(split.paths)} file{'s' if len(split.paths) > 1 else ''}"
        print(f"{name}: records {split.records:,}, in {files}, {size}: {split.paths[0]}")
    where = f" in {arguments.rejects}" if done.rejects else ""
    print(f"rows {done.rows:,} = records {done.records:,} + rejects {done.rejects:,}{where}")
    if not done.for_tfds:
        print(f"TensorFlow Datasets cannot open this: it reads {NOT_BY_TFDS}")
    return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
