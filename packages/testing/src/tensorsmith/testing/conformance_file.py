"""Loading of conformance.py files."""

import hashlib
import importlib.util
import sys
from pathlib import Path

from tensorsmith.core import check
from tensorsmith.testing.rows import Row

FILE_NAME = "conformance.py"


def load_rows(path: Path) -> dict[str, Row]:
    """Returns a dict that maps titles to the rows of a conformance file.

    The module is imported under a unique name, so that each folder can have a file of this name.

    Args:
        path: Path of the conformance file, which must define `ROWS`, a list of rows.

    Raises:
        ValueError: If `ROWS` is missing or not a list of rows, or if two rows have the same title.
    """
    name = f"conformance_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    rows = getattr(module, "ROWS", None)
    check(
        isinstance(rows, list | tuple) and all(isinstance(row, Row) for row in rows),
        "ROWS",
        rows,
        f"a list of LayerRow, LossRow, MetricRow, ModelRow, ScheduleRow or OptimizerRow in {path}",
    )
    table: dict[str, Row] = {}
    for row in rows or ():
        check(
            row.title not in table,
            "name",
            row.title,
            f"unique among the rows of {path}",
            "pass `name` to one of the rows",
        )
        table[row.title] = row
    return table
