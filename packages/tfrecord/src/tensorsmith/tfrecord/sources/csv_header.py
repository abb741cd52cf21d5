"""Column names, delimiter and first line of a CSV file, read before the rows."""

import codecs
import csv
import io
import itertools
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorsmith.tfrecord.sources.csv_options import ROW_NAMES, CsvOptions
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, UnreadableError, open_plain

LONGEST = 2 << 20  # characters of the header, and of the rows in which row names are detected
LOOKED_AT = 100  # rows in which row names are detected


@dataclass(frozen=True)
class Header:
    """Properties of a CSV file that are needed to read its rows.

    Attributes:
        names: Column names.
        delimiter: Character between cells.
        ending: Line ending.
        skipped: Number of comment lines before the header.
        first_line: Line number of the first row.
        row_names: If `True`, the first column contains row names.
    """

    names: list[str]
    delimiter: str
    ending: str
    skipped: int
    first_line: int
    row_names: bool


def read_header(path: Path, options: CsvOptions) -> Header:
    """Reads the first lines of a CSV file.

    Raises:
        UnreadableError: If the column names cannot be read, or if two columns have the same name.
    """
    encoding = "utf-8-sig" if codecs.lookup(options.encoding).name == "utf-8" else options.encoding
    try:
        with io.TextIOWrapper(open_plain(path), encoding, newline="") as file:
            first, skipped = file.readline(LONGEST), 0
            while options.comment and first.startswith(options.comment):
                first, skipped = file.readline(LONGEST), skipped + 1
            delimiter = options.delimiter or next((mark for mark in "\t;|" if mark in first and "," not in first), ",")
            reader = csv.reader(itertools.chain([first], file), delimiter=delimiter, strict=True)
            cells = next(reader, [])
            height = reader.line_num if options.has_header else 0
            row_names = options.row_names
            if row_names is None:
                row_names = options.has_header and _has_row_names(reader, len(cells), options.comment)
    except UnicodeError:
        raise UnreadableError(path, wrong_encoding(path, options.encoding)) from None
    except (csv.Error, *GZIP_ERRORS, zlib.error) as error:
        hint = "; pass the delimiter" if isinstance(error, csv.Error) else ""
        raise UnreadableError(path, f"first line: {error}{hint}") from None
    names = list(options.names) or [f"column_{number}" for number, _ in enumerate(cells, 1)]
    if options.has_header:
        names = [cell.strip() or name for cell, name in zip(cells, names, strict=True)]
    names = [ROW_NAMES, *names] if row_names else names
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        hint = "; if the first line is a row, read the file without a header" if options.has_header else ""
        raise UnreadableError(path, f"duplicate column `{double}`{hint}")
    ending = "\r" if first.endswith("\r") else "\n"
    return Header(names, delimiter, ending, skipped, skipped + height + 1, row_names)


def _has_row_names(reader: Any, width: int, comment: str) -> bool:
    """Returns `True` if each of the next rows has one field more than the header.

    The last fields must not all be empty, as they are if each row ends with a delimiter.
    """
    ends, size = [], 0
    try:
        for row in itertools.islice(reader, LOOKED_AT):
            size += sum(map(len, row))
            if size > LONGEST:
                break
            if row and not (comment and row[0].startswith(comment)):
                if len(row) != width + 1:
                    return False
                ends.append(row[-1])
    except (csv.Error, UnicodeError, *GZIP_ERRORS, zlib.error):
        return False  # the error is reported when the rows are read
    return any(ends)


def wrong_encoding(path: Path, encoding: str) -> str:
    """Returns a description of the first invalid bytes in a file, or an empty string if the file is valid."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        with open_plain(path) as file:
            while data := file.read(1 << 16):
                line += decoder.decode(data).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].decode(error.encoding).count("\n")
        found = error.object[error.start : error.end]
        return f"line {line:,} contains the bytes {found!r}, which are invalid in {encoding}; pass the encoding"
    except UnicodeError as error:
        return f"it is not {encoding}: {error}; pass the encoding"
    except (*GZIP_ERRORS, zlib.error) as error:
        return str(error)
    return ""
