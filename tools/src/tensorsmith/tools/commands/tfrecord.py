"""Convert data to TFRecord files, and inspect, verify, repair and rearrange TFRecord files."""

import argparse
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tensorsmith.core import Progress, format_bytes, print_text
from tensorsmith.tools import tfrecord_convert
from tensorsmith.tools.subcommands import execute_subcommand, subcommand_adder
from tensorsmith.tools.tfrecord_source import add_source_arguments, open_given_source, required_features, sizes

execute = execute_subcommand
SOURCES = "files, patterns, or folders with *.tfrecord* files"
MOST_EXAMPLES = 1000  # number of examples that are searched for images


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the nested subcommands with their arguments and functions."""
    add = subcommand_adder(parser)
    infer = add("infer", _infer, "infer the schema of a source, for review")
    infer.add_argument("sources", metavar="SOURCE", nargs="+", help="files, a pattern or a folder, of one format")
    infer.add_argument("--out", metavar="FILE.yaml", type=Path, help="output file; by default the schema is printed")
    add_source_arguments(infer)
    convert = add("convert", tfrecord_convert.execute, "convert the rows of a source to TFRecord files")
    tfrecord_convert.add_arguments(convert)
    inspect = add("inspect", _inspect, "show features, counts, sizes and the first examples")
    _add_sources(inspect)
    inspect.add_argument("--examples", metavar="N", type=_natural, default=3, help="number of examples; default 3")
    inspect.add_argument("--images", metavar="FILE.png", type=Path, help="write a contact sheet of the first images")
    inspect.add_argument("--raw-shape", metavar="H,W[,C]", type=sizes, help="shape of images of raw uint8 values")
    _add_sources(add("stats", _stats, "show statistics of each feature"))
    verify = add("verify", _verify, "verify all checksums and parse every record; exit code 1 if a file is damaged")
    _add_sources(verify)
    verify.add_argument("--any", action="store_true", help="accept records that are not tf.train.Example")
    cat = add("cat", _cat, "print examples")
    _add_sources(cat)
    cat.add_argument("--json", action="store_true", help="print each example as a line of JSON, without truncation")
    cat.add_argument("--limit", metavar="N", type=_natural, help="print only the first N examples")
    repair = add("repair", _repair, "copy the intact records of a damaged file to a new file")
    repair.add_argument("file", metavar="FILE", type=Path)
    repair.add_argument("dest", metavar="DEST", type=Path, help="output file")
    _add_target(add("reshard", _reorder, "write records to a different number of files, in the same order"))
    shuffle = add("shuffle", _reorder, "write all records in a global random order")
    _add_target(shuffle)
    shuffle.add_argument(
        "--seed", metavar="S", type=_natural, default=0, help="random seed; determines the order; default 0"
    )
    split = add("split", _reorder, "partition records into splits")
    _add_target(split)
    split.add_argument(
        "--split", metavar="NAME=FRACTION,...", required=True, help="names and fractions, such as train=0.8,test=0.2"
    )
    split.add_argument(
        "--seed", metavar="S", type=_natural, help="shuffle with this seed first; by default splits are contiguous"
    )
    parquet = add("to-parquet", _to_parquet, "write examples to a Parquet file, with a column for each feature")
    _add_sources(parquet)
    parquet.add_argument("dest", metavar="DEST.parquet", type=Path)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", metavar="SOURCE", nargs="+", help=SOURCES)


def _add_target(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments that all subcommands for writing shards have in common."""
    _add_sources(parser)
    parser.add_argument("dest", metavar="DEST", type=Path, help="output folder of NAME.tfrecord-00000-of-00010, ...")
    number = parser.add_mutually_exclusive_group()
    number.add_argument("--shards", metavar="N", type=int, help="number of files")
    number.add_argument("--shard-size", metavar="SIZE", default="256MB", help="approximate file size; default 256MB")
    parser.add_argument(
        "--name", default="", help="name of the files; default: name of the sources, if all have the same"
    )
    parser.add_argument(
        "--compression", choices=("none", "gzip", "zlib"), default="none", help="compression of the files; default none"
    )
    parser.add_argument("--resume", action="store_true", help="resume an interrupted run of the same command")


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a non-negative number, got {text!r}")
    return int(text)


def _check_folder(path: Path) -> None:
    """Raises an error if the folder of the output file does not exist."""
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: no such folder")


def _infer(arguments: argparse.Namespace) -> int:
    from tensorsmith.core import replace_file
    from tensorsmith.tfrecord import check_target, review

    if arguments.out is not None and not arguments.out.absolute().parent.is_dir():
        raise FileNotFoundError(f"{arguments.out}: no such folder")
    source = open_given_source(arguments)
    if arguments.out is not None:
        check_target("--out", arguments.out, source.files)
    with Progress("tensorsmith.tools") as progress:
        task = progress.start(f"reading {_count(len(source.files), 'file')}", unit="rows")
        text = review(source, lambda batch: task.advance(batch.rows.num_rows), required_features(arguments))
    if arguments.out is None:
        print_text(text, end="")
        return 0
    with replace_file(arguments.out) as draft:
        draft.write_text(text, encoding="utf-8")
    print_text(f"{arguments.out}: {text.partition(chr(10))[0].removeprefix('# ')}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from tensorsmith.tfrecord import DamagedFileError, find_record_files, verify

    files = find_record_files(arguments.sources)
    records = size = damaged = 0
    with Progress("tensorsmith.tools") as progress:
        report = progress.start("checking", _size(files)).advance
        for path in files:
            try:
                found = verify(path, not arguments.any, report)
            except OSError as error:
                damaged += 1
                print_text(f"{'damaged' if isinstance(error, DamagedFileError) else 'unreadable'}: {error}", flush=True)
                continue
            records, size = records + found.records, size + found.size
            print_text(f"intact: {path}: {_count(found.records, 'record')}, {format_bytes(found.size)}", flush=True)
    print_text(f"{len(files) - damaged} of {len(files)} files are intact: {records:,} records, {format_bytes(size)}")
    return 1 if damaged else 0


def _inspect(arguments: argparse.Namespace) -> int:
    from tensorsmith.tfrecord import check_target, contact_sheet, find_record_files, inspect, rows
    from tensorsmith.tools.tfrecord_view import print_example, print_survey

    files = find_record_files(arguments.sources)
    if arguments.images:
        _check_folder(arguments.images)
        check_target("--images", arguments.images, files)
    with Progress("tensorsmith.tools") as progress:
        found = inspect(files, progress.start("reading", _size(files)).advance)
    print_survey(found)
    for number, row in enumerate(islice(chain.from_iterable(map(rows, files)), arguments.examples)):
        print_example(number, row)
    if arguments.images:
        values = _texts(islice(chain.from_iterable(map(rows, files)), MOST_EXAMPLES))
        count = contact_sheet(values, arguments.images, arguments.raw_shape)
        print_text(f"{arguments.images}: {count} images")
    return 0


def _stats(arguments: argparse.Namespace) -> int:
    from tensorsmith.tfrecord import find_record_files, stats
    from tensorsmith.tools.tfrecord_view import print_stats

    files = find_record_files(arguments.sources)
    with Progress("tensorsmith.tools") as progress:
        found = stats(files, progress.start("reading", _size(files)).advance)
    print_stats(found)
    return 0


def _cat(arguments: argparse.Namespace) -> int:
    from tensorsmith.tfrecord import find_record_files, rows, to_json
    from tensorsmith.tools.tfrecord_view import print_example

    found = chain.from_iterable(map(rows, find_record_files(arguments.sources)))
    for number, row in enumerate(islice(found, arguments.limit)):
        if arguments.json:
            print_text(to_json(row))
        else:
            print_example(number, row)
    return 0


def _repair(arguments: argparse.Namespace) -> int:
    from tensorsmith.tfrecord import repair

    _check_folder(arguments.dest)
    with Progress("tensorsmith.tools") as progress:
        task = progress.start("repairing", arguments.file.stat().st_size)
        found = repair(arguments.file, arguments.dest, task.advance)
    for gap in found.gaps:
        what = "an unknown number of records" if gap.records is None else f"{_count(gap.records, 'record')}"
        print_text(f"Skipped {what} at byte {gap.offset:,} ({_count(gap.size, 'byte')}): {gap.problem}")
    print_text(f"{arguments.dest}: {_count(found.records, 'record')}, {format_bytes(found.size)}")
    return 0


def _reorder(arguments: argparse.Namespace) -> int:
    from tensorsmith.tfrecord import find_record_files, parse_size, parse_split, reshard, shuffle, split

    options: dict[str, Any] = {name: getattr(arguments, name) for name in ("name", "shards", "compression", "resume")}
    options["shard_size"] = parse_size(arguments.shard_size)
    fractions = parse_split(arguments.split) if "split" in arguments else {}
    files = find_record_files(arguments.sources)
    with Progress("tensorsmith.tools") as progress:
        if fractions:
            splits = split(files, arguments.dest, fractions, seed=arguments.seed, **options, progress=progress)
            written = list(splits.values())
        elif "seed" in arguments:
            written = [shuffle(files, arguments.dest, seed=arguments.seed, **options, progress=progress)]
        else:
            written = [reshard(files, arguments.dest, **options, progress=progress)]
    for one in written:
        print_text(f"{one.records:,} records in {_count(len(one.paths), 'file')}: {one.paths[0]}")
    return 0


def _to_parquet(arguments: argparse.Namespace) -> int:
    from tensorsmith.tfrecord import find_record_files, to_parquet

    files = find_record_files(arguments.sources)
    _check_folder(arguments.dest)
    with Progress("tensorsmith.tools") as progress:
        count = to_parquet(files, arguments.dest, progress.start("reading", 2 * _size(files)).advance)
    print_text(f"{arguments.dest}: {_count(count, 'row')}, {format_bytes(arguments.dest.stat().st_size)}")
    return 0


def _size(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _texts(found: Any) -> Any:
    """Yields the bytes values of all features in the given examples."""
    return (value for row in found for values in row.values() for value in values if isinstance(value, bytes))
