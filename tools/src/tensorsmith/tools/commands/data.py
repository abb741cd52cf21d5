"""List, describe, fetch and preview data sets."""

import argparse
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tensorsmith.core import format_bytes, print_text
from tensorsmith.tools.subcommands import execute_subcommand, subcommand_adder

if TYPE_CHECKING:
    import numpy as np

execute = execute_subcommand


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the nested subcommands with their arguments and functions."""
    add = subcommand_adder(parser)
    add("list", _list, "list the data sets and show which are in the cache")
    info = add("info", _info, "describe a data set and list its sources, without fetching it")
    info.add_argument("name", metavar="NAME", help="data set listed by `tensorsmith data list`")
    fetch = add("fetch", _fetch, "fetch data sets, pretrained weights and photographs that are not in the cache")
    fetch.add_argument(
        "names", metavar="NAME", nargs="*", help="data sets listed by `tensorsmith data list`, or pretrained weights"
    )
    fetch.add_argument("--all", action="store_true", help="fetch all of them")
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
    from tensorsmith.data import DataNotFoundError, info, names

    others = _arrays()
    known = (*names(), *others)
    given = ", ".join(arguments.names) or "none"
    check(
        arguments.all != bool(arguments.names), "NAME", given, "one or more data set names, or omitted if --all is set"
    )
    unknown = [name for name in arguments.names if name not in known and not name.endswith(".py")]
    remedy = " ".join(f"For {name}: {did_you_mean(name, known) or 'There is no similar name.'}" for name in unknown)
    check(not unknown, "NAME", ", ".join(unknown), f"one of {', '.join(known)}", remedy)
    failed = 0
    chosen = known if arguments.all else arguments.names
    for name in chosen:
        try:
            fetched = _arrays_fetched(others[name]()) if name in others else _files_fetched(name, chosen)
            print_text(f"{name if name in others else info(name).name}: {fetched}", flush=True)
        except DataNotFoundError as error:
            failed += 1
            print_text(f"tensorsmith: {error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


def _files_fetched(name: str, chosen: Collection[str]) -> str:
    """Fetches the files of a data set, and returns their number, size and folder."""
    from tensorsmith.data import fetch, info
    from tensorsmith.data.datasets.registry import with_files

    description = info(name)
    origin = with_files(description)
    if origin is not description and origin.name in chosen:  # otherwise, its files would be verified twice
        return f"generated from {origin.name}"
    folder = fetch(name)
    if not origin.sources:
        return "no download needed"
    files = {file.name: folder / file.name for source in origin.sources for file in source.files}
    sizes = [path.stat().st_size for path in files.values() if path.is_file()]
    return f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}, {format_bytes(sum(sizes))} in {folder}"


def _arrays_fetched(arrays: "Mapping[str, np.ndarray]") -> str:
    return f"{len(arrays)} arrays, {format_bytes(sum(array.nbytes for array in arrays.values()))}"


def _arrays() -> "dict[str, Callable[[], dict[str, np.ndarray]]]":
    """Returns the functions that fetch and load pretrained weights and sample photographs, by name."""
    from tensorsmith.data import sample_photographs, weights
    from tensorsmith.data.pretrained._load import ALL

    return {**{name: partial(weights, name) for name in ALL}, "sample_photographs": sample_photographs}


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
