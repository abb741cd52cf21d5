"""Search the hyperparameters of a recipe."""

import argparse
import contextlib
import dataclasses
import logging
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorsmith.core import Verbatim, argument_error, check, load_tensorflow, print_text
from tensorsmith.recipes import (
    RUN_SETTINGS,
    RecipeFile,
    find_recipe,
    from_flags,
    new_folder,
    prepared_recipe,
    read_yaml,
    resolve,
)
from tensorsmith.recipes.trust import check_code_fields
from tensorsmith.runs import alone_in, exit_on_sigterm, wait_for
from tensorsmith.tools.console import make_console
from tensorsmith.tools.parsing import add_timeout_argument, add_trust_argument
from tensorsmith.tools.search_folder import (
    FILE,
    SEARCH_SETTINGS,
    check_search_folder,
    read_search,
    remove_fruitless,
    space_of,
    supervised,
    write_report,
    write_search,
)
from tensorsmith.tuning import Search, SearchError
from tensorsmith.tuning.search_workers import run_search_workers
from tensorsmith.tuning.workers import LAUNCHER

log = logging.getLogger("tensorsmith.tools")

PYTHON = (sys.executable, "-P", "-m")  # without modules in the current folder, as the command itself
EXIT_USAGE = 2  # exit code of a worker that raised SearchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser. Other flags set `Config` fields that are not searched."""
    defaults = {field.name: field.default for field in dataclasses.fields(Search)}
    parser.usage = (
        "tensorsmith tune NAME [--trials N] [--tuner random|hyperband|bayesian|grid] [--space FILE.yaml] "
        "[--objective NAME] [--folds K] [--parallel N] [--timeout SECONDS] [--on-error fail|stop] [--out DIR] "
        "[--resume] [--trust] [--FIELD VALUE ...]"
    )
    parser.allow_abbrev = False
    parser.add_argument("name", metavar="NAME", help="recipe listed by `tensorsmith recipes`, or a .py file")

    def setting(name: str, text: str, **more: Any) -> None:
        default = "" if defaults[name] is None else f" ({defaults[name]})"
        parser.add_argument(f"--{name.replace('_', '-')}", help=text + default, **more)

    setting("trials", "number of configurations to try", type=int, metavar="N")
    setting("tuner", "search algorithm: random, hyperband, bayesian or grid")
    setting("objective", "score to optimize, as named in history.csv", metavar="NAME")
    setting("direction", "direction of the objective, min or max; inferred from most names")
    setting("folds", "number of cross-validation folds of the training set", type=int, metavar="K")
    setting("patience", "stop a trial after N epochs without a better score; 0: never", type=int, metavar="N")
    setting("keep_best", "number of best configurations and models to keep", type=int, metavar="K")
    setting("on_error", "effect of an error in the recipe: fail (only the trial) or stop (the search)")
    parser.add_argument("--space", type=Path, metavar="FILE.yaml", help="search ranges; override those of the recipe")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="values of fields that are not searched")
    parser.add_argument("--smoke", action="store_true", help="use a tiny configuration that finishes in seconds")
    parser.add_argument("--parallel", type=int, metavar="N", help="number of trials at a time, in separate processes")
    add_timeout_argument(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="search folder (runs/<recipe>/<timestamp>)")
    parser.add_argument("--resume", action="store_true", help="resume the search in DIR, or the recipe's newest search")
    add_trust_argument(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Runs or resumes a search, as a single process, as the launcher of parallel workers, or as one worker."""
    recipe = find_recipe(arguments.name)
    worker = "KERASTUNER_ORACLE_IP" in os.environ and "chief" not in os.environ.get("KERASTUNER_TUNER_ID", "")
    parallel = arguments.parallel
    check(parallel is None or parallel >= 1, "--parallel", parallel, ">= 1")
    check(arguments.timeout > 0, "--timeout", arguments.timeout, "a positive number of seconds")
    alone = "KERASTUNER_ORACLE_IP" not in os.environ
    check(alone or arguments.out, "--out", None, "a folder that all processes share when KERASTUNER_ORACLE_IP is set")
    check(alone or parallel is None, "--parallel", parallel, "omitted when KERASTUNER_ORACLE_IP is set")
    if worker:
        folder = arguments.out
        _wait_for(folder / FILE, arguments.timeout)
        if not arguments.trust and LAUNCHER not in os.environ:
            check_search_folder(recipe, folder)
        return _search(recipe, read_search(recipe, folder), folder, arguments.timeout)
    for name, path in (("config", arguments.config), ("--space", arguments.space)):
        if path and not arguments.trust:
            check_code_fields(recipe.declaration, read_yaml(path, name), path)
    folder, search = _old(recipe, arguments) if arguments.resume else (None, None)
    new = folder is None or search is None
    if folder is None or search is None:
        search = _new(recipe, arguments)
        folder = new_folder(recipe, arguments.out).path
    again = ["tune", arguments.name, "--out", str(folder), "--resume"]
    launched = LAUNCHER in os.environ  # started by a process that holds the lock of the folder
    with contextlib.nullcontext(-1) if launched else alone_in(folder, "search") as lock:
        write_search(recipe, search, folder)
        try:
            if parallel is None:
                with exit_on_sigterm():
                    return _search(recipe, search, folder, arguments.timeout)
            code = run_search_workers([*PYTHON, "tensorsmith.tools", *again], parallel, folder, lock)
            if code < 0:
                who = f"The process that assigns trials was killed by {signal.Signals(-code).name}"
                print_text(f"{who}. To resume the search: {_command(again, parallel)}", file=sys.stderr)
                return 128 - code
        except (KeyboardInterrupt, SystemExit) as error:
            terminated = 128 + signal.SIGTERM
            if isinstance(error, SystemExit) and error.code != terminated:
                raise
            print_text(f"The search was interrupted. To resume it: {_command(again, parallel)}", file=sys.stderr)
            return 130 if isinstance(error, KeyboardInterrupt) else terminated
        except SearchError:
            if new:
                remove_fruitless(folder)
            raise
        if new and code == EXIT_USAGE:
            remove_fruitless(folder)
        return code


def _search(recipe: RecipeFile, search: Search, folder: Path, timeout: float) -> int:
    load_tensorflow()
    from tensorsmith.tuning import Tuner
    from tensorsmith.tuning.table import LiveTable

    search = dataclasses.replace(search, recipe=prepared_recipe(recipe, folder / "prepared"))
    tuner = Tuner(search, folder, timeout=timeout)
    console = make_console()
    table = tuner.table = LiveTable(search, tuner.results())
    with table:
        tuner.search()
    if tuner.is_worker:
        return 0
    results = {name: result for name, result in tuner.results().items() if result.score is not None}
    if not results:
        reasons = sorted({result.error for result in tuner.results().values()})
        print_text(f"tensorsmith: all trials failed: {'; '.join(reasons)}", file=sys.stderr)
        return 1
    best = write_report(recipe, search, folder, results)
    console.print(table.as_table())
    for path in (best[0], folder / "scores.png"):
        print_text(path)
    return 0


def _new(recipe: RecipeFile, arguments: argparse.Namespace) -> Search:
    space = space_of(recipe, arguments.space)
    given = from_flags(arguments.fields)
    for name in given.keys() & space.keys():
        raise argument_error(f"--{name}", given[name], f"omitted (the search samples it from {space[name]})")
    values = dict(recipe.declaration.smoke) if arguments.smoke else {}
    values = {name: value for name, value in values.items() if name not in space}
    if arguments.config:
        stored = read_yaml(arguments.config)
        if unused := ", ".join(name for name in RUN_SETTINGS if name in stored):
            log.info("%s of %s is not used, because only `tensorsmith run` has this setting.", unused, arguments.config)
        values.update({name: value for name, value in stored.items() if name not in RUN_SETTINGS})
    config = recipe.recipe.configure(resolve(recipe, {**values, **given}))
    settings = {name: getattr(arguments, name) for name in SEARCH_SETTINGS if getattr(arguments, name) is not None}
    return Search(supervised(recipe), config, space, **settings)


def _old(recipe: RecipeFile, arguments: argparse.Namespace) -> tuple[Path | None, Search | None]:
    """Returns the folder and the settings of the search to resume. Only the number of trials may change."""
    runs = (Path("runs") / recipe.run_name).glob("*")
    folders = [arguments.out] if arguments.out else sorted(runs, reverse=True)
    folder = next((path for path in folders if (path / FILE).is_file()), None)
    if folder is None:
        return None, None
    if not arguments.trust and LAUNCHER not in os.environ:
        check_search_folder(recipe, folder)
    search = read_search(recipe, folder)
    differing = _differing(recipe, arguments, search)
    check(
        not differing,
        "--resume",
        Verbatim(f"other values of {', '.join(differing)} than those of the search {folder}"),
        "used with the settings of the search, except for --trials",
        "omit the other settings, because only the number of trials may change",
    )
    return folder, search if arguments.trials is None else dataclasses.replace(search, trials=arguments.trials)


def _differing(recipe: RecipeFile, arguments: argparse.Namespace, search: Search) -> list[str]:
    """Returns the given options whose values differ from those of the search to resume."""
    requested = _new(recipe, arguments)
    names = [name for name in SEARCH_SETTINGS if name != "trials" and getattr(arguments, name) is not None]
    differing = [name for name in names if getattr(requested, name) != getattr(search, name)]
    fields = [name for name in from_flags(arguments.fields) if name not in search.space]
    if arguments.config or arguments.smoke:
        fields = [field.name for field in dataclasses.fields(search.config) if field.name not in search.space]
    differing += [name for name in fields if getattr(requested.config, name) != getattr(search.config, name)]
    differing += ["space"] * bool(arguments.space and requested.space != search.space)
    return [f"--{name.replace('_', '-') if name in SEARCH_SETTINGS else name}" for name in differing]


def _command(again: Sequence[str], parallel: int | None) -> str:
    """Returns the command that resumes a search."""
    return shlex.join(["tensorsmith", *again, *(["--parallel", str(parallel)] if parallel else [])])


def _wait_for(path: Path, timeout: float) -> None:
    """Waits until the chief has written a file."""
    remedy = "Start the process with KERASTUNER_TUNER_ID=chief and the same --out, which all processes must share."
    wait_for(lambda: "" if path.is_file() else f"the chief, which writes {path}", timeout, remedy)
