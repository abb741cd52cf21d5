"""List, describe, fetch and preview data sets."""

import argparse
import sys
from pathlib import Path

from tensorsmith.core import format_bytes, print_text
from tensorsmith.tools.subcommands import execute_subcommand, subcommand_adder

execute = execute_subcommand


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the nested subcommands with their arguments and functions."""
    add = subcommand_adder(parser)
    add("list", _list, "list the data sets and show which are in the cache")
    info = add("info", _info, "describe a data set and list its sources, without fetching it")
    info.add_argument("name", metavar="NAME", help="data set listed by `tensorsmith data list`")
    fetch = add("fetch", _fetch, "fetch data sets that are not in the cache")
    fetch.add_argument("names", metavar="NAME", nargs="*", help="data sets listed by `tensorsmith data list`")
    fetch.add_argument("--all", action="store_true", help="fetch all data sets")
    preview = add("preview", _preview, "show the first examples, classes and statistics of a data set")
    preview.add_argument("name", metavar="NAME", help="data set listed by `tensorsmith data list`")
    preview.add_argument("--split", default="train", help="train, validation or test; default train")
    preview.add_argument(
        "--out", metavar="FILE.png", type=Path, help="also draw the first images, or plot a time series, to FILE.png"
    )


def _list(arguments: argparse.Namespace) -> int:
    from tensorsmith.data import info, names
    from tensorsmith.tools.data_view import print_list

    print_list([info(name) for name in names()])
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from tensorsmith.data import info
    from tensorsmith.tools.data_view import print_info

    print_info(info(arguments.name))
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from tensorsmith.core import check, did_you_mean
    from tensorsmith.data import DataNotFoundError, fetch, info, names
    from tensorsmith.data.datasets.registry import with_files

    given = ", ".join(arguments.names) or "none"
    check(
        arguments.all != bool(arguments.names), "NAME", given, "one or more data set names, or omitted if --all is set"
    )
    unknown = [name for name in arguments.names if name not in names() and not name.endswith(".py")]
    remedy = " ".join(f"For {name}: {did_you_mean(name, names()) or 'There is no similar name.'}" for name in unknown)
    check(not unknown, "NAME", ", ".join(unknown), f"one of {', '.join(names())}", remedy)
    failed = 0
    chosen = names() if arguments.all else arguments.names
    for name in chosen:
        description = info(name)
        origin = with_files(description)
        if origin is not description and origin.name in chosen:  # otherwise, its files would be verified twice
            print_text(f"{description.name}: generated from {origin.name}", flush=True)
            continue
        try:
            folder = fetch(name)
        except DataNotFoundError as error:
            failed += 1
            print_text(f"tensorsmith: {error}", file=sys.stderr, flush=True)
            continue
        if not origin.sources:
            print_text(f"{description.name}: no download needed", flush=True)
            continue
        files = {file.name: folder / file.name for source in origin.sources for file in source.files}
        sizes = [path.stat().st_size for path in files.values() if path.is_file()]
        count = f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}"
        print_text(f"{description.name}: {count}, {format_bytes(sum(sizes))} in {folder}", flush=True)
    return 1 if failed else 0


def _preview(arguments: argparse.Namespace) -> int:
    from tensorsmith.core import check
    from tensorsmith.data import info, load
    from tensorsmith.tools.data_view import draw, print_preview

    description = info(arguments.name)
    if arguments.out is not None:
        drawn = description.kind in ("images", "series")
        check(
            drawn,
            "--out",
            str(arguments.out),
            f"omitted ({description.name} has no images and is not a series)",
        )
        if not arguments.out.absolute().parent.is_dir():
            raise FileNotFoundError(f"{arguments.out}: no such folder")
    data = load(arguments.name, arguments.split)
    print_preview(description, data)
    if arguments.out is not None:
        print_text(f"{arguments.out}: {draw(description, data, arguments.out)}")
    return 0
