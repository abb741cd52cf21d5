"""Compare the variants of a recipe over several seeds."""

import argparse
import shlex
import sys
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tensorsmith.core import ArgumentError, print_text
from tensorsmith.recipes import (
    CompareRequest,
    Comparison,
    RunInterruptedError,
    compare,
    comparison_table,
    find_recipe,
    read_results,
)
from tensorsmith.recipes.comparison_results import contradictions
from tensorsmith.tools.console import make_console
from tensorsmith.tools.parsing import add_trust_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser. Other flags set fields that all variants share."""
    parser.usage = (
        "tensorsmith compare NAME [--seeds N] [--parallel N] [--config FILE.yaml] [--smoke] [--out DIR] [--resume] "
        "[--record] [--trust] [--FIELD VALUE ...]"
    )
    parser.allow_abbrev = False
    parser.add_argument("name", metavar="NAME", help="recipe with variants, or a .py file")
    parser.add_argument("--seeds", type=int, metavar="N", help="number of seeds of each variant (3)")
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="number of runs at a time (1)")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="values of fields that all variants share")
    parser.add_argument("--smoke", action="store_true", help="use a tiny configuration, without tuning")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of all runs (runs/<recipe>/<timestamp>)")
    parser.add_argument("--resume", action="store_true", help="resume the comparison in DIR, or the newest one")
    parser.add_argument("--record", action="store_true", help="store the results and the figure next to the recipe")
    add_trust_argument(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Trains all variants and prints the table."""
    request = CompareRequest(
        arguments.name,
        arguments.fields,
        config=arguments.config,
        smoke=arguments.smoke,
        seeds=arguments.seeds,
        parallel=arguments.parallel,
        out=arguments.out,
        resume=arguments.resume,
        trust=arguments.trust,
        record=arguments.record,
    )
    recipe = find_recipe(arguments.name)
    stored = read_results(recipe).comparison
    try:
        folder, comparison = compare(request)
    except RunInterruptedError as error:
        print_text(
            f"The comparison was interrupted. To resume it: tensorsmith {shlex.join(error.command)}", file=sys.stderr
        )
        return 130
    header, rows = comparison_table(comparison)
    table = Table(title=escape(comparison.question), title_justify="left")
    for i, name in enumerate(header):
        table.add_column(escape(name), justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    console = make_console()
    console.print(table)
    failed = [f"{variant.name} failed: {line}" for variant in comparison.variants for line in variant.errors]
    print_text(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
    if stored is not None and not failed:
        print_text(_support(stored, comparison))
    try:
        answer = read_results(recipe).answer(recipe)
    except ArgumentError as error:  # the answer has been changed since the results were stored
        answer = ""
        print_text(f"The stored results lack numbers of the answer: {error}", file=sys.stderr)
    if answer:
        print_text(f"Stored answer: {answer}")
    for name in ("comparison.md", "comparison.png"):
        if (folder / name).exists():
            print_text(folder / name)
    return 1 if failed else 0


def _support(stored: Comparison, new: Comparison) -> str:
    """Returns a line that says whether a new comparison supports the stored one."""
    reversed_pairs = contradictions(stored, new)
    if reversed_pairs:
        return f"The stored comparison is contradicted: the order of {'; '.join(reversed_pairs)} is reversed."
    return (
        "The stored comparison is supported: no pair of variants has the reverse order, by more than 2 standard errors."
    )
