"""List, describe, fetch and look at the data sets."""

import argparse
import sys
from pathlib import Path

from tensorsmith.core import format_bytes
from tensorsmith.tools.verbs import execute_verb, verb_adder

execute = execute_verb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verbs, each with its arguments and the function that does it."""
    add = verb_adder(parser)
    add("list", _list, "list the data sets, and whether they are in the cache")
    info = add("info", _info, "describe a data set, and say where it comes from, without fetching it")
    info.add_argument("name", metavar="NAME", help="as `tensorsmith data list` lists it")
    fetch = add("fetch", _fetch, "fetch data sets into the cache, unless they are there")
    fetch.add_argument("names", metavar="NAME", nargs="*", help="as `tensorsmith data list` lists them")
    fetch.add_argument("--all", action="store_true", help="all of them")
    preview = add("preview", _preview, "show what a data set has in it: first examples, classes, figures")
    preview.add_argument("name", metavar="NAME", help="as `tensorsmith data list` lists it")
    preview.add_argument("--split", default="train", help="train, validation or test; default train")
    preview.add_argument("--out", metavar="FILE.png", type=Path, help="draw the first pictures, or a series, as well")


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

    given = ", ".join(arguments.names) or "none"
    check(arguments.all != bool(arguments.names), "NAME", given, "names of data sets, or else --all")
    unknown = [name for name in arguments.names if name not in names()]
    remedy = "; ".join(f"{name}: {did_you_mean(name, names()) or 'nothing like it'}" for name in unknown)
    check(not unknown, "NAME", ", ".join(unknown), f"one of {', '.join(names())}", remedy)
    failed = 0
    for description in map(info, names() if arguments.all else arguments.names):
        try:
            folder = fetch(description.name)
        except DataNotFoundError as error:
            failed += 1
            print(f"tensorsmith: {error}", file=sys.stderr, flush=True)
            continue
        if not description.sources:
            print(f"{description.name}: nothing to fetch", flush=True)
            continue
        files = {file.name: folder / file.name for source in description.sources for file in source.files}
        sizes = [path.stat().st_size for path in files.values() if path.is_file()]
        count = f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}"
        print(f"{description.name}: {count}, {format_bytes(sum(sizes))} in {folder}", flush=True)
    return 1 if failed else 0


def _preview(arguments: argparse.Namespace) -> int:
    from tensorsmith.core import check
    from tensorsmith.data import info, load
    from tensorsmith.tools.data_view import draw, print_preview

    description = info(arguments.name)
    if arguments.out is not None:
        drawn = description.kind in ("pictures", "series")
        check(drawn, "--out", str(arguments.out), f"none, since {description.name} has no pictures and is no series")
        if not arguments.out.absolute().parent.is_dir():
            raise FileNotFoundError(f"{arguments.out}: there is no such folder")
    data = load(arguments.name, arguments.split)
    print_preview(description, data)
    if arguments.out is not None:
        print(f"{arguments.out}: {draw(description, data, arguments.out)}")
    return 0
