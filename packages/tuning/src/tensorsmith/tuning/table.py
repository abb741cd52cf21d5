"""Live table that shows the progress of a search."""

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tensorsmith.core import printable
from tensorsmith.tuning.search import Search
from tensorsmith.tuning.trial import Result

ROWS = 12  # number of completed trials shown, best first

log = logging.getLogger("tensorsmith.tuning")


class LiveTable:
    """Live table of the running trials and the best completed trials.

    If standard error is not a terminal, each completed trial is logged to the logger `tensorsmith.tuning` instead.

    Args:
        search: Settings of the hyperparameter search.
        ended: Results of previously completed trials.
        console: Rich console on which the table is displayed. Defaults to a console that writes to standard error.
    """

    def __init__(
        self, search: Search, ended: Mapping[str, Result] = MappingProxyType({}), console: Console | None = None
    ) -> None:
        self._search = search
        self._console = console or Console(stderr=True)
        self._running: dict[str, tuple[Mapping[str, Any], str]] = {}
        self._ended: dict[str, Result] = dict(ended)
        self._started = time.monotonic()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> "LiveTable":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begin(self, trial: str, drawn: Mapping[str, Any]) -> None:
        """Adds a new trial to the table."""
        self._running[trial] = (drawn, "starting")
        self._draw()

    def update(self, trial: str, epoch: int, logs: Mapping[str, Any]) -> None:
        """Updates a running trial at the end of an epoch."""
        drawn, _ = self._running.get(trial, ({}, ""))
        score = logs.get(self._search.objective)
        self._running[trial] = (drawn, f"epoch {epoch}" + ("" if score is None else f", {float(score):.5g}"))
        self._draw()

    def end(self, trial: str, result: Result) -> None:
        """Replaces a running trial in the table by its result."""
        self._running.pop(trial, None)
        self._ended[trial] = result
        best = self.best()
        if self._console.is_terminal:
            self._draw()
            return
        how = f"failed: {result.error}" if result.score is None else f"{self._search.objective} {result.score:.5g}"
        so_far = "" if best is None else f"  best {best[1]:.5g} (trial {best[0]})"
        log.info(printable(f"trial {trial}  {how}  {shown(result.drawn)}  {result.seconds:.1f} s{so_far}"))

    def best(self) -> tuple[str, float] | None:
        """Returns the ID and score of the best trial so far, or `None` if there is none."""
        ranked = self._ranked()
        return None if not ranked else (ranked[0][0], float(ranked[0][1].score or 0.0))

    def as_table(self) -> Table:
        """Returns the current content as a table for display in a terminal."""
        seconds = time.monotonic() - self._started
        title = f"{len(self._ended)} of {self._search.trials} trials, {seconds:.0f} s"
        table = Table(title=title, title_justify="left")
        for name in ("trial", self._search.objective, *self._search.space):
            table.add_column(_cell(name), justify="right")
        for trial, (drawn, state) in self._running.items():
            table.add_row(_cell(trial), _cell(state), *_cells(self._search, drawn), style="dim")
        for trial, result in self._ranked()[:ROWS]:
            table.add_row(_cell(trial), f"{result.score:.5g}", *_cells(self._search, result.drawn))
        if failed := [trial for trial, result in self._ended.items() if result.score is None]:
            table.caption = _cell(f"failed: {', '.join(failed)}")
        return table

    def _ranked(self) -> list[tuple[str, Result]]:
        whole = [(trial, result) for trial, result in self._ended.items() if result.score is not None]
        return sorted(whole, key=lambda each: each[1].score or 0.0, reverse=self._search.best == "max")

    def _draw(self) -> None:
        if self._console.is_terminal:
            self._live.update(self.as_table(), refresh=True)


def shown(drawn: Mapping[str, Any]) -> str:
    """Returns the names and values of hyperparameters as a single line of text."""
    return "  ".join(f"{name} {_shown(value)}" for name, value in drawn.items())


def _cells(search: Search, drawn: Mapping[str, Any]) -> list[Text]:
    return [_cell(_shown(drawn[name]) if name in drawn else "") for name in search.space]


def _cell(text: str) -> Text:
    """Returns text that may come from the files of somebody else, without markup and control characters."""
    return Text(printable(text))


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
