"""Command-line arguments that describe a data source, shared by `tensorsmith tfrecord infer` and `convert`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorsmith.core import Verbatim, check

if TYPE_CHECKING:
    from tensorsmith.tfrecord.sources.table import TableSource

OPTIONS = (
    *("encoding", "table", "query", "resize", "channels"),
    *("delimiter", "decimal", "thousands", "comment", "row_names", "numeric_threshold"),
)


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of data sources to the parser."""
    parser.add_argument(
        "--required",
        metavar="NAME,...",
        help="features, such as the label, without which rows are rejected; by default they are optional",
    )
    parser.add_argument("--encoding", help="character encoding of CSV and text files; default utf-8")
    parser.add_argument("--table", help="table to read, if an SQLite file has several")
    parser.add_argument("--query", metavar="SELECT", help="SQLite query to read instead of a table")
    parser.add_argument("--resize", metavar="H,W", type=sizes, help="height and width to which images are resized")
    parser.add_argument(
        "--channels",
        metavar="N",
        type=int,
        help="channels to which images are decoded: 1, 3 or 4; by default those of the images, or 3 if they differ",
    )
    csv = parser.add_argument_group("CSV files", "These options are stored in the schema, except --numeric-threshold.")
    csv.add_argument(
        "--missing",
        metavar="TEXT,...",
        nargs="?",
        const="pandas",
        help="cells that are missing values, besides empty cells, such as --missing='NA,?'; 'pandas', also if no text "
        "is given, stands for the cells that pandas.read_csv reads as NaN; write --missing=pandas before SOURCE",
    )
    csv.add_argument("--delimiter", metavar="CHAR", help="character between cells; by default it is detected")
    csv.add_argument("--decimal", metavar="CHAR", help="decimal point, '.' or ','; default '.'")
    csv.add_argument("--thousands", metavar="CHAR", help="separator between groups of three digits; default none")
    csv.add_argument("--no-header", action="store_true", help="the first line is a row; columns are column_1, ...")
    csv.add_argument("--names", metavar="NAME,...", help="column names of files without a header")
    csv.add_argument("--comment", metavar="CHAR", help="skip lines that begin with this character")
    csv.add_argument(
        "--row-names",
        action=argparse.BooleanOptionalAction,
        help="the first field of each row is a row name that the header does not name; by default this is detected",
    )
    csv.add_argument(
        "--numeric-threshold",
        metavar="FRACTION",
        type=float,
        help="infer a numeric type if at least this fraction of a column is numeric; default 1",
    )


def sizes(text: str) -> list[int]:
    """Parses an argument such as 28,28."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be sizes such as 28,28 or 32,32,3, got {text!r}") from None


def open_given_source(arguments: argparse.Namespace) -> "TableSource":
    """Returns the data source that the command-line arguments describe."""
    from tensorsmith.tfrecord import open_source

    options: dict[str, Any] = {name: getattr(arguments, name) for name in OPTIONS}
    if arguments.delimiter in ("\\t", "tab"):
        options["delimiter"] = "\t"
    # An option whose value may be omitted takes the next argument, which may have been meant as a source.
    taken = arguments.missing is not None and Path(arguments.missing).exists()
    received = Verbatim(f"the file {arguments.missing}")
    remedy = "write --missing=TEXT or --missing=pandas before SOURCE"
    check(not taken, "--missing", received, "strings that stand for missing values", remedy)
    for name in ("missing", "names"):
        if (text := getattr(arguments, name)) is not None:
            options[name] = text.split(",")
    if arguments.no_header:
        options["header"] = False
    return open_source(arguments.sources[0] if len(arguments.sources) == 1 else arguments.sources, **options)


def required_features(arguments: argparse.Namespace) -> list[str]:
    """Returns the names of the features without which rows are rejected."""
    return arguments.required.split(",") if arguments.required else []
