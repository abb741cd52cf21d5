"""Table of precision, recall and F1 by class, and summary of residuals."""

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tensorsmith.recipes import ClassReport, Residuals
from tensorsmith.tools.console import one_line

ROWS = 30  # maximum number of classes in the table


def print_report(report: ClassReport | Residuals, split: str, console: Console) -> None:
    """Prints a table with a row for each class, or a line on the residuals of a regression."""
    if isinstance(report, Residuals):
        errors = report.errors
        spread = f"standard deviation {errors.std():.4g}, largest absolute value {np.abs(errors).max():.4g}"
        console.print(f"{split} residuals: mean {errors.mean():.4g}, {spread}, R² {report.r2:.4f}", soft_wrap=True)
        return
    columns = report.precision, report.recall, report.f1
    shown = list(range(len(report.names)))
    title = f"{split}, by class"
    if len(report.names) > ROWS:
        shown = sorted(np.argsort(report.f1, kind="stable")[:ROWS].tolist())
        title = f"{split}, the {ROWS} of {len(report.names)} classes with the smallest F1"
    table = Table("class", title=escape(title), title_justify="left")
    for heading in ("precision", "recall", "F1", "examples"):
        table.add_column(heading, justify="right", no_wrap=True)
    for number in shown:
        cells = (f"{values[number]:.4f}" for values in columns)
        table.add_row(one_line(report.names[number]), *cells, f"{report.support[number]:,}")
    table.add_section()
    total = f"{report.support.sum():,}"
    table.add_row("mean", *(f"{values.mean():.4f}" for values in columns), total)
    weighted = (f"{np.average(values, weights=report.support):.4f}" for values in columns)
    table.add_row("mean weighted by examples", *weighted, total)
    console.print(table)
