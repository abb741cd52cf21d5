"""Reading of CSV, TSV and Parquet files as tables."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, check

if TYPE_CHECKING:
    import pyarrow as pa

NUMBER = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"


def read_table(path: Path, argument: str) -> "pa.Table":
    """Returns the table in a CSV, TSV or Parquet file. CSV and TSV files may be compressed with gzip.

    Args:
        path: Path of the file.
        argument: Name of the argument in error messages.

    Raises:
        ValueError: If the file cannot be read, or its columns have no names or the same name.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    try:
        if kind == "parquet":
            table = parquet.read_table(path)
        else:
            table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="," if kind == "csv" else "\t"))
        names = table.column_names
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError.like(argument_error(argument, str(path), "a readable table", str(error))) from error
    double = next((name for name in names if names.count(name) > 1), None)
    received = Verbatim(f"{path} with two columns {double}")
    check(double is None, argument, received, "a table with distinct column names")
    numeric = kind != "parquet" and all(re.fullmatch(NUMBER, name) for name in names)
    remedy = "add a line with the names of the columns"
    check(not numeric, argument, Verbatim(f"{path} without column names"), "a table with column names", remedy)
    return table
