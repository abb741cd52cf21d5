"""SQLite databases as a data source."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa

from tensorsmith.core import check, did_you_mean
from tensorsmith.tfrecord.sources.files import UnreadableError
from tensorsmith.tfrecord.sources.source import Batch
from tensorsmith.tfrecord.sources.table import MOST_BYTES, TableSource
from tensorsmith.tfrecord.sources.values import column_of

TABLES = r"""SELECT name, type, sql FROM sqlite_master
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name"""
ROWS = 1024  # maximum number of rows in a batch, fewer if rows are large


class SqliteTable(TableSource):
    """Data source for a table in row ID order, or for the result of a query.

    Args:
        files: List whose only element is the path of the database file.
        table: Name of the table. Optional if the database contains only one table.
        query: SELECT statement to use instead of a table.

    Raises:
        ValueError: If the table does not exist, or if both `table` and `query` are given.
    """

    def __init__(self, files: list[Path], table: str | None = None, query: str | None = None) -> None:
        check(len(files) == 1, "source", [str(path) for path in files], "a single database")
        check(table is None or query is None, "query", query, "None when `table` is passed")
        self.files, self._path = files, files[0]
        self._query = query or self._of_table(table)

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        with closing(self._connect()) as connection:
            try:
                cursor = connection.execute(self._query)
                check(cursor.description is not None, "query", self._query, "a SELECT statement")
                names = [column[0] for column in cursor.description]
                double = next((name for name in names if names.count(name) > 1), None)
                remedy = "rename the columns with `AS`"
                check(double is None, "query", double, "not return duplicate column names", remedy)
                yield from _batches(cursor, names, str(self._path))
            except (sqlite3.Error, UnicodeError) as error:
                raise UnreadableError(self._path, str(error)) from None

    def _connect(self) -> sqlite3.Connection:
        with self._path.open("rb"):  # raises an informative error, as SQLite does not report the cause
            pass
        connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)
        connection.text_factory = _text
        return connection

    def _of_table(self, table: str | None) -> str:
        """Returns an SQL query that selects all rows of a table in a deterministic order."""
        with closing(self._connect()) as connection:
            try:
                tables = {name: (kind, sql) for name, kind, sql in connection.execute(TABLES)}
                if table is None:
                    names = ", ".join(tables) or "none"
                    check(
                        len(tables) == 1,
                        "table",
                        None,
                        f"one of the tables of {self._path} ({names})",
                        "pass `table`",
                    )
                    table = next(iter(tables))
                check(table in tables, "table", table, f"one of {', '.join(tables)}", did_you_mean(table, tables))
                keys = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})") if row[5]]
            except (sqlite3.Error, UnicodeError) as error:
                raise UnreadableError(self._path, str(error)) from None
        kind, sql = tables[table]
        without = "WITHOUT ROWID" in " ".join(str(sql).upper().split())
        order = "" if kind == "view" else " ORDER BY rowid"
        if without:
            order = f" ORDER BY {', '.join(map(_quoted, keys))}"
        return f"SELECT * FROM {_quoted(table)}{order}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _batches(cursor: sqlite3.Cursor, names: list[str], file: str) -> Iterator[Batch]:
    first, count = 1, 16
    while rows := cursor.fetchmany(count):
        columns = [column_of(list(column)) for column in zip(*rows, strict=True)]
        batch = pa.RecordBatch.from_arrays(columns, names)
        yield Batch(batch, file, np.arange(first, first + len(rows)))
        first += len(rows)
        count = max(1, min(ROWS, MOST_BYTES * len(rows) // max(batch.nbytes, 1)))
