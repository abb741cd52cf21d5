"""Compare the speed of tensorsmith with that of other implementations."""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from tensorsmith.core import Verbatim, check, did_you_mean, print_text
from tensorsmith.tools.console import make_console

if TYPE_CHECKING:
    from tensorsmith.benchmarks import Benchmark, Row

INSTALLED_BY = {"torch": "bench", "torchvision": "bench", "opencv": "bench", "addons_ops": "parity"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("benchmark", nargs="?", help="name of a benchmark; by default, the benchmarks are listed")
    parser.add_argument("--cases", metavar="NAME", nargs="+", help="run only these cases")
    parser.add_argument("--rounds", type=int, default=7, help="number of measurements per provider (7)")
    parser.add_argument(
        "--save-baseline", action="store_true", help="store the results as the baseline of this machine"
    )
    parser.add_argument("--compare", action="store_true", help="fail if a case is 15 %% slower than the baseline")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Runs the benchmark cases and prints a table for each case."""
    installed = importlib.util.find_spec("tensorsmith.benchmarks") is not None
    check(
        installed,
        "bench",
        Verbatim("an installation without benchmarks"),
        "run in a clone of the repository",
        "clone the repository and run `make setup`",
    )
    from tensorsmith.benchmarks import (
        load_benchmark,
        measure,
        read_baseline,
        save_baseline,
        slower_than_baseline,
        summaries,
        write_json,
    )

    known = summaries()
    if arguments.benchmark is None:
        for name, compared in known.items():
            print_text(f"{name}: {compared}")
        return 0
    guess = did_you_mean(arguments.benchmark, known) or "run `tensorsmith bench` to list the benchmarks"
    check(arguments.benchmark in known, "benchmark", arguments.benchmark, "the name of a benchmark", guess)
    benchmark = load_benchmark(arguments.benchmark)
    for case in arguments.cases or ():
        guess = did_you_mean(case, benchmark.cases) or f"use one of the cases {', '.join(benchmark.cases)}"
        check(case in benchmark.cases, "--cases", case, f"contain only cases of `bench {arguments.benchmark}`", guess)
    check(arguments.rounds >= 2, "--rounds", arguments.rounds, ">= 2 to measure the spread between rounds")
    own = any("tensorsmith" in benchmark.providers(case) for case in benchmark.cases)
    for flag in ("compare", "save_baseline"):
        used_with = Verbatim(f"bench {arguments.benchmark}")
        expected = "used with a benchmark that measures tensorsmith"
        check(own or not getattr(arguments, flag), f"--{flag.replace('_', '-')}", used_with, expected)
    baseline = read_baseline(arguments.benchmark) if arguments.compare else []
    rows: list[Row] = []
    cases = arguments.cases or list(benchmark.cases)
    missing = {name for case in cases for name, there in benchmark.providers(case).items() if not there}
    for provider in sorted(missing):
        print_text(
            f"Skipping {provider}, which is not installed. Run `make {INSTALLED_BY.get(provider, 'bench')}`.",
            file=sys.stderr,
        )
    for case in cases:
        providers = [name for name in benchmark.providers(case) if name not in missing]
        measured = list(measure(arguments.benchmark, case, providers, arguments.rounds))
        make_console().print(_table(benchmark, case, measured))
        rows += measured
    if arguments.json:
        write_json(rows, arguments.json)
    slower = slower_than_baseline(arguments.benchmark, rows, baseline)
    print_text(*slower, sep="\n", end="\n" if slower else "", file=sys.stderr)
    if arguments.save_baseline:
        print_text(f"Stored the baseline in {save_baseline(arguments.benchmark, rows)}.")
    return 1 if slower else 0


def _table(benchmark: "Benchmark", case: str, rows: list["Row"]) -> Table:
    reference = next((row for row in rows if row.provider == "tensorsmith"), rows[0])
    ours = reference.median
    cells = []
    for row in rows:
        times = "" if row is reference else f"{benchmark.times_better(ours, row.median):.2f} x"
        goal = benchmark.targets(case).get(row.provider)
        cells.append(
            (
                row.provider,
                f"{row.median:,.4g}",
                f"{row.p20:,.3g} to {row.p80:,.3g}",
                times,
                f"{goal:g} x" if goal else "",
                f"{row.first_step_seconds:.2f}",
                f"{row.peak_megabytes:,.0f}",
            )
        )
    headings = (
        "provider",
        f"median {rows[0].unit}",
        "20% to 80%",
        "times as fast",
        "target",
        "first step, s",
        "peak, MB",
    )
    table = Table(title=case, title_justify="left")
    for heading, column in zip(headings, zip(*cells, strict=True), strict=True):
        justify: Literal["left", "right"] = "left" if heading == "provider" else "right"
        width = max(map(len, [*heading.split(), *column]))  # only headings are wrapped
        table.add_column(heading, justify=justify, width=width)
    for row_cells in cells:
        table.add_row(*row_cells)
    floor = benchmark.floor(case)
    if floor:
        reached = benchmark.times_better(ours, floor)
        table.caption = f"hardware limit {floor:,.4g} {rows[0].unit}; tensorsmith reaches {reached:.0%} of it"
    return table
