"""Measure speed beside other providers."""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tensorsmith.core import check, did_you_mean
from tensorsmith.tools.bench.turns import Row, measure, write_json

INSTALLED_BY = {"torch": "bench", "addons_ops": "parity"}
BENCHMARKS = ("loop", "ops", "components", "data")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags."""
    parser.add_argument(
        "benchmark",
        choices=BENCHMARKS,
        help="loop: training steps per second; ops: the kernels; components: losses, metrics, layers; data: TFRecord",
    )
    parser.add_argument("--cases", metavar="NAME", nargs="+", help="only these")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each provider (7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as a list of objects too")


def execute(arguments: argparse.Namespace) -> int:
    """Measures case after case and prints a table for each."""
    module = f"tensorsmith.tools.bench.{arguments.benchmark}"
    benchmark = importlib.import_module(module)
    for case in arguments.cases or ():
        guess = did_you_mean(case, benchmark.CASES) or f"there are {', '.join(benchmark.CASES)}"
        check(case in benchmark.CASES, "--cases", case, f"cases of bench {arguments.benchmark}", guess)
    check(arguments.rounds >= 2, "--rounds", arguments.rounds, "2 or more, for a spread")
    rows: list[Row] = []
    cases = arguments.cases or list(benchmark.CASES)
    missing = {name for case in cases for name, there in benchmark.providers(case).items() if not there}
    for provider in sorted(missing):
        print(
            f"{provider} is left out: it is not here; `make {INSTALLED_BY.get(provider, 'bench')}` installs it",
            file=sys.stderr,
        )
    for case in cases:
        here = [name for name in benchmark.providers(case) if name not in missing]
        measured = list(measure(module, case, here, arguments.rounds, benchmark.unit(case), benchmark.PYTHONS))
        Console().print(_table(benchmark, case, measured))
        rows += measured
    if arguments.json:
        write_json(rows, arguments.json)
    return 0


def _table(benchmark: Any, case: str, rows: list[Row]) -> Table:
    table = Table(title=case, title_justify="left")
    for heading in ("provider", f"median {rows[0].unit}", "20% to 80%", "ours is", "asked", "first step, s"):
        table.add_column(heading, justify="left" if heading == "provider" else "right")
    ours = next(row.median for row in rows if row.provider == "tensorsmith")
    for row in rows:
        spread = f"{row.p20:,.4g} to {row.p80:,.4g}"
        times = "" if row.provider == "tensorsmith" else f"{_times_better(benchmark, ours, row.median):.2f} x"
        target = benchmark.targets(case).get(row.provider)
        asked = f"{target:g} x" if target else ""
        table.add_row(row.provider, f"{row.median:,.4g}", spread, times, asked, f"{row.first_step_seconds:.2f}")
    floor = benchmark.floor(case)
    if floor:
        table.caption = f"floor {floor:.3g} {rows[0].unit}, of which ours reaches {floor / ours:.0%}"
    return table


def _times_better(benchmark: Any, ours: float, theirs: float) -> float:
    return theirs / ours if benchmark.LOWER_IS_BETTER else ours / theirs
