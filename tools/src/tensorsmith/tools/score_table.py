"""Table of scores that is printed at the end of a run."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tensorsmith.core import print_text


def print_scores(metrics: Mapping[str, Any], folder: Path, console: Console) -> None:
    """Prints the scores of a run and the paths of its main files."""
    splits = {name: values for name, values in metrics.items() if isinstance(values, dict) and name != "versions"}
    console.print(score_table(metrics["recipe"], splits))
    rate = f", {metrics['steps_per_second']:,.0f} steps/s" if metrics["steps_per_second"] else ""
    console.print(f"{metrics['seconds']:.1f} s{rate}, seed {metrics['seed']}", highlight=False)
    if metrics.get("waiting_for_data") is not None:
        waiting, steps = metrics["waiting_for_data"], metrics["profiled_steps"]
        console.print(f"Waiting for data: {100 * waiting:.1f} % of the time of {steps} steps", highlight=False)
    if metrics.get("stopped"):
        again = shlex.join(["tensorsmith", "run", metrics["recipe"], "--out", str(folder), "--resume"])
        console.print(metrics["stopped"], highlight=False, markup=False)
        console.print(f"To continue the run: {again} --epochs N", highlight=False, markup=False, soft_wrap=True)
    for path in (folder / "curves.png", folder / "model.keras", folder / "best.keras"):
        if path.exists():
            print_text(path)


def score_table(title: str, splits: Mapping[str, Mapping[str, float]]) -> Table:
    """Returns a table with a row for each metric and a column for each split."""
    names = list(dict.fromkeys(name for values in splits.values() for name in values))
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for split in splits:
        table.add_column(split, justify="right")
    for name in names:
        cells = [values.get(name) for values in splits.values()]
        table.add_row(name, *("" if cell is None else f"{cell:.4f}" for cell in cells))
    return table
