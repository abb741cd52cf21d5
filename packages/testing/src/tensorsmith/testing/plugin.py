"""pytest plugin that collects a test for each row and each check from files named conformance.py."""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorsmith.testing.conformance_file import FILE_NAME, load_rows
from tensorsmith.testing.errors import ConformanceError
from tensorsmith.testing.rows import Row
from tensorsmith.testing.running import checks_for, run_check


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker `slow`."""
    config.addinivalue_line("markers", 'slow: takes long; deselect with -m "not slow"')


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects files named conformance.py that use `tensorsmith.testing`."""
    if file_path.name != FILE_NAME or "tensorsmith.testing" not in file_path.read_text():
        return None
    return ConformanceFile.from_parent(parent, path=file_path)


class ConformanceFile(pytest.File):
    """pytest collector of a conformance file, which contains a table of components."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yields a collector for each row of the table."""
        for number, (title, row) in enumerate(load_rows(self.path).items()):
            yield RowTests.from_parent(self, name=title, row=row, is_first=number == 0)


class RowTests(pytest.Collector):
    """pytest collector of the checks that apply to one row of the table."""

    def __init__(self, row: Row, is_first: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.row = row
        self.is_first = is_first

    def collect(self) -> Iterator[pytest.Item]:
        """Yields a test for each check that applies to the row."""
        from tensorsmith.testing.table import CHECKS

        for check_name in checks_for(self.row):
            item = CheckTest.from_parent(self, name=check_name, row=self.row)
            if self.row.slow or (CHECKS[check_name].slow(self.row) and not self.is_first):
                item.add_marker(pytest.mark.slow)
            yield item


class CheckTest(pytest.Item):
    """pytest test that applies one check to the component that a row specifies."""

    def __init__(self, row: Row, **kwargs: Any):
        super().__init__(**kwargs)
        self.row = row

    def runtest(self) -> None:
        """Runs the check, in a subprocess with two logical CPUs if necessary."""
        from tensorsmith.testing.table import CHECKS
        from tensorsmith.testing.workers import ask_two_cpus

        if CHECKS[self.name].two_cpus:
            ask_two_cpus(self.path, self.row.title, self.name)
        else:
            run_check(self.row, self.name)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        """Returns the failure message, preceded by the traceback if the component raised an exception."""
        error = excinfo.value
        if not isinstance(error, ConformanceError):
            return super().repr_failure(excinfo, *args)
        cause = traceback.format_exception(error.__cause__) if error.__cause__ else []
        return "\n".join(["".join(cause), str(error)]).strip()

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Returns the path and the name of the test for reports."""
        return self.path, None, f"{self.row.title}::{self.name}"
