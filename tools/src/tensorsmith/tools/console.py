"""Console and log of the command, and table cells that stay on one line."""

import logging
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from tensorsmith.core import print_text, printable

WIDE = 10_000  # characters per line where nothing may be wrapped or truncated


class StderrHandler(logging.Handler):
    """Log handler that writes to the current `sys.stderr`, so that lines appear above a progress bar.

    A progress bar replaces `sys.stderr` while it is displayed, but `logging.StreamHandler` keeps the original one.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a record."""
        print_text(self.format(record), file=sys.stderr, flush=True)


class SafeConsole(Console):
    """Console that prints escape sequences for unprintable characters in strings, including those in tables."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Returns a string as rich text, in which only the markup of `rich` controls the terminal."""
        return super().render_str(printable(text, keep="\n\t"), **options)


def make_console() -> Console:
    """Returns a console for standard output. In a pipe or a file, lines are neither wrapped nor truncated."""
    console = SafeConsole(highlight=False)
    return console if console.is_terminal else SafeConsole(highlight=False, width=WIDE)


def one_line(text: str) -> Text:
    """Returns a table cell that ends with an ellipsis where it does not fit. Other columns are not shortened for it."""
    return Text(printable(text), no_wrap=True, overflow="ellipsis")
