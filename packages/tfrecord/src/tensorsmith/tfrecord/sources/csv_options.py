"""Options with which CSV files are read, and the cells that stand for missing values and decimal numbers."""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.core import argument_error, check, did_you_mean
from tensorsmith.tfrecord.sources.number_styles import NumberStyle

# The strings that `pandas.read_csv` reads as NaN by default (pandas 1.5 to 3.0: "None" was added in 2.0).
PANDAS_MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
ROW_NAMES = "row_names"  # name of the column of row names


@dataclass(frozen=True)
class CsvOptions:
    """Options with which CSV files are read.

    Attributes:
        encoding: Character encoding, as a Python codec name.
        delimiter: Character between cells. If `None`, it is detected in the first line.
        decimal: Decimal point of numbers.
        thousands: Separator between groups of three digits in numbers. If empty, there is none.
        missing: Strings that stand for missing values, besides an empty cell. The entry "pandas" stands for the strings
            of `PANDAS_MISSING`.
        header: If `True`, the first line contains the column names.
        names: Column names of files without a header.
        comment: Character with which lines begin that are skipped. If empty, there are no such lines.
        row_names: If `True`, the first field of each row is a row name, for which the header has no field. If `None`,
            this is detected.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal: str = "."
    thousands: str = ""
    missing: Sequence[str] = ()
    header: bool = True
    names: Sequence[str] = ()
    comment: str = ""
    row_names: bool | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "CsvOptions":
        """Returns validated options.

        Raises:
            ValueError: If an option is unknown or has an invalid value.
        """
        known = [field.name for field in fields(cls)]
        for name, value in options.items():
            check(name in known, f"csv option {name}", value, f"one of {', '.join(known)}", did_you_mean(name, known))
        made = cls(**options)
        check_encoding(made.encoding)
        for name in ("delimiter", "comment"):
            value = getattr(made, name)
            sound = not value or (isinstance(value, str) and len(value.encode()) == 1 and value not in '"\r\n')
            check(sound, name, value, "a single ASCII character except a quote")
        check(made.decimal in (".", ","), "decimal", made.decimal, '"." or ","')
        check(made.decimal != made.delimiter, "decimal", made.decimal, "different from the delimiter")
        thousands = made.thousands
        sound = thousands == "" or (isinstance(thousands, str) and len(thousands) == 1 and not thousands.isalnum())
        check(sound and thousands not in ('"', "+", "-"), "thousands", thousands, "a single character, such as ','")
        check(thousands != made.decimal, "thousands", thousands, "different from the decimal point")
        for name in ("missing", "names"):
            value = getattr(made, name)
            listed = isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
            check(listed, name, value, "a list of strings")
        for name in ("header", "row_names"):
            value = getattr(made, name)
            check(isinstance(value, bool) or (value is None and name == "row_names"), name, value, "true or false")
        if len(set(made.names)) < len(made.names) or "" in made.names:
            raise argument_error("names", list(made.names), "a list of distinct, non-empty column names")
        return made

    @property
    def has_header(self) -> bool:
        """`True` if the first line contains column names."""
        return self.header and not self.names

    @property
    def style(self) -> NumberStyle:
        """Decimal point and thousands separator of numbers."""
        return NumberStyle(self.decimal, self.thousands)

    @property
    def markers(self) -> list[str]:
        """Distinct strings that stand for missing values, with "pandas" replaced by the strings of pandas."""
        found: dict[str, None] = {}
        for marker in self.missing:
            found.update(dict.fromkeys(PANDAS_MISSING if marker == "pandas" else [marker]))
        return list(found)


def without_markers(rows: Any, markers: list[str]) -> Any:
    """Returns a record batch of strings in which cells that stand for missing values are null.

    Surrounding spaces are ignored. As in pandas, it makes no difference whether a cell is quoted.
    """
    known = pa.array(markers, pa.string())
    columns = [
        pc.if_else(pc.is_in(pc.utf8_trim_whitespace(column), known), pa.scalar(None, pa.string()), column)
        for column in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, rows.schema.names)


def check_encoding(encoding: str) -> str:
    """Returns the encoding, or raises an error if Python does not support it."""
    try:
        codecs.lookup(encoding)
        known = True
    except LookupError:
        known = False
    guess = did_you_mean(encoding, ("utf-8", "latin-1", "cp1252", "utf-16"))
    check(known, "encoding", encoding, "an encoding supported by Python, such as latin-1", guess)
    return encoding
