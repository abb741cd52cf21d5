"""Record the scores of completed runs, and update the tables of recipes in README files.

python tools/scores.py train [RECIPE...]    # train recipes with up to three seeds, record the scores, update the tables
python tools/scores.py record RUN_FOLDER... [--busy]  # --busy: other programs were running, so keep the recorded times
python tools/scores.py readme
python tools/scores.py confirm [RECIPE...]  # reproduce the recorded scores, and record the behavior of the smoke runs
python tools/scores.py tolerate RECIPE...   # tolerate the differences between this processor and that of the records
"""

import argparse
import dataclasses
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check, replace_file
from tensorsmith.recipes.catalog import RecipeFile, all_recipes, find_recipe
from tensorsmith.recipes.configuration import read_yaml, resolve
from tensorsmith.recipes.recorded.fingerprint import record_fingerprint, tolerating_this_processor
from tensorsmith.recipes.recorded.quiet_machine import is_quiet
from tensorsmith.recipes.recorded.reproduction import reproduce
from tensorsmith.recipes.recorded.results import RecordedRun, read_results, results_path, write_results
from tensorsmith.recipes.recorded.weights import record_weights

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SEEDS = 3  # runs of a recipe
LONG = 180  # duration of a run in seconds, from which on only one is measured
SHOWN = ("mlp/digits", "cnn/fashion_mnist", "timeseries/one_step")  # starting points in README.md
ANSWERED = (  # experiments in README.md
    "deep/activations",
    "deep/monte_carlo_dropout",
    "deep/schedules",
    "deep/distillation",
    "vision/augmentation",
)
BEGIN, END = "<!-- recipes: written by tools/scores.py -->", "<!-- /recipes -->"
HEADING = ("| recipe | description | answer or score | seconds |", "| --- | --- | --- | ---: |")


def read_run(folder: Path) -> tuple[RecipeFile, RecordedRun]:
    """Returns the recipe of a completed run, and the scores and other metadata to record.

    Raises:
        ValueError: If the run is not finished, or its settings differ from the defaults of the recipe.
    """
    path = folder / "metrics.json"
    check(path.is_file(), "RUN_FOLDER", str(folder), "the folder of a finished run")
    metrics = json.loads(path.read_text())
    recipe = find_recipe(metrics["recipe"])
    used, own = resolve(recipe, read_yaml(folder / "config.yaml")), recipe.declaration.config_class()
    # The seed may differ. config.yaml contains the resolved value of jit="auto".
    resolved = {"jit": own.jit} if hasattr(own, "jit") else {}
    if dataclasses.replace(used, seed=own.seed, **resolved) != own:
        raise argument_error(
            "RUN_FOLDER", str(folder), f"the folder of a run with the default settings of {recipe.name}"
        )
    splits = {name: values for name, values in metrics.items() if isinstance(values, dict) and name != "versions"}
    # Further digits differ between machines.
    scores = {
        split: {name: float(f"{value:.6g}") for name, value in values.items()} for split, values in splits.items()
    }
    others = {name: metrics[name] for name in ("seed", "seconds", "steps_per_second", "versions")}
    return recipe, RecordedRun(scores=scores, **others)


def train(names: Sequence[str]) -> None:
    """Trains recipes, all by default, and records their scores: with three seeds if a run takes less than 3 minutes."""
    for name in names or [recipe.name for recipe in all_recipes()]:
        recipe = find_recipe(name)
        with tempfile.TemporaryDirectory() as parent:
            first, folders, quiet = recipe.declaration.config_class().seed, [], is_quiet()
            for seed in range(first, first + SEEDS):
                folder = Path(parent) / f"seed-{seed}"
                command = [sys.executable, "-m", "tensorsmith.tools", "run", name]
                subprocess.run([*command, "--seed", str(seed), "--out", str(folder)], check=True)
                folders.append(folder)
                quiet = is_quiet() and quiet
                if json.loads((folder / "metrics.json").read_text())["seconds"] >= LONG:
                    break
            record(folders, keep=False, quiet=quiet)


def record(folders: Sequence[Path], keep: bool = True, quiet: bool = True) -> None:
    """Adds runs, which were trained with the current source code, to the recorded results.

    Args:
        folders: Run folders.
        keep: If `True`, a run replaces only an earlier run of the same recipe and seed. If `False`, all earlier runs of
            its recipe are removed.
        quiet: If `True`, nothing else ran on the machine. If `False`, the times of earlier runs are kept.
    """
    new: dict[str, tuple[RecipeFile, dict[int, RecordedRun]]] = {}
    for folder in folders:
        recipe, run = read_run(folder)
        new.setdefault(recipe.name, (recipe, {}))[1][run.seed] = run
        figure = folder / recipe.line("Figure")
        if figure.is_file():
            results_path(recipe).parent.mkdir(exist_ok=True)
            with replace_file(results_path(recipe).with_suffix(".png")) as draft:
                shutil.copyfile(figure, draft)
        if weights := recipe.line("Weights"):
            record_weights(recipe, folder / weights)
    for recipe, by_seed in new.values():
        old = {run.seed: run for run in read_results(recipe).runs}
        if not quiet:
            by_seed = {seed: _with_times(run, old.get(seed)) for seed, run in by_seed.items()}
        runs = [run for _, run in sorted({**(old if keep else {}), **by_seed}.items())]
        results = dataclasses.replace(read_results(recipe), runs=runs, fingerprint=record_fingerprint(recipe))
        write_results(recipe, results)


def _with_times(run: RecordedRun, old: RecordedRun | None) -> RecordedRun:
    """Returns a run with the times of an earlier one, if there is one."""
    if old is None:
        return run
    return dataclasses.replace(run, seconds=old.seconds, steps_per_second=old.steps_per_second)


def confirm(names: Sequence[str]) -> bool:
    """Records the fingerprints of recipes, all by default, whose recorded scores are reproduced.

    Returns:
        `True` if all scores are reproduced.
    """
    recipes = [find_recipe(name) for name in names] or all_recipes()
    succeeded = True
    for result in reproduce(recipes):
        recipe = find_recipe(result.recipe)
        print(
            f"{recipe.name}: {result.score} {result.value}, {'' if result.succeeded else 'not '}reproduced", flush=True
        )
        if result.succeeded:
            write_results(recipe, dataclasses.replace(read_results(recipe), fingerprint=record_fingerprint(recipe)))
        succeeded &= result.succeeded
    return succeeded


def tolerate(names: Sequence[str]) -> None:
    """Raises the tolerances of fingerprints, whose behavior is as recorded, to the differences on this processor."""
    for recipe in map(find_recipe, names):
        results = read_results(recipe)
        fingerprint = tolerating_this_processor(recipe, results.fingerprint)
        write_results(recipe, dataclasses.replace(results, fingerprint=fingerprint))


def write_readmes() -> None:
    """Updates the tables of recipes in the README of each family and of the repository."""
    for path in readmes():
        text = with_table(path)
        with replace_file(path) as draft:
            draft.write_text(text)


def readmes() -> list[Path]:
    """Returns the README files that contain tables of recipes."""
    return [README, *(folder / "README.md" for folder in families())]


def families() -> dict[Path, list[RecipeFile]]:
    """Returns the folders of all families with their recipes."""
    groups = itertools.groupby(all_recipes(), key=lambda recipe: recipe.path.parent)
    return {folder: list(recipes) for folder, recipes in groups}


def with_table(path: Path) -> str:
    """Returns the text of a README file with an updated table between its markers."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    remedy = f"contain the markers {BEGIN} and {END}"
    check(bool(begin and end), str(path), Verbatim("a file without the markers"), remedy)
    table = overview() if path == README else family_table(path.parent)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def overview() -> str:
    """Returns tables of the families, of three starting points with their scores, and of some answers."""
    rows = ["| family | contents | recipes |", "| --- | --- | ---: |"]
    for folder, recipes in families().items():
        contents = (folder / "README.md").read_text().split("\n\n")[1].replace("\n", " ").rstrip(".")
        rows.append(f"| [{folder.name}](recipes/{folder.name}/README.md) | {contents} | {len(recipes)} |")
    points = [_row(find_recipe(name), f"recipes/{name}.py") for name in SHOWN]
    answers = [_row(find_recipe(name), f"recipes/{name}.py") for name in ANSWERED]
    return "\n".join(
        [*rows, "", "Three starting points:", "", *HEADING, *points, "", "Some answers:", "", *HEADING, *answers]
    )


def family_table(folder: Path) -> str:
    """Returns a table of the recipes of a family with their answers or scores, and their figures."""
    figures: list[str] = []
    for recipe in families()[folder]:
        own = results_path(recipe).with_suffix(".png")
        if own.exists():
            command = f"tensorsmith compare {recipe.name}" if recipe.declaration.variants else recipe.line("Command")
            figures += [f"![{recipe.shows}](results/{own.name})", "", f"*{recipe.name}, from `{command}`*", ""]
    return "\n".join(
        [*HEADING, *(_row(recipe, recipe.path.name) for recipe in families()[folder]), "", *figures]
    ).rstrip()


def _row(recipe: RecipeFile, link: str) -> str:
    results = read_results(recipe)
    seconds = "" if results.seconds is None else f"{results.seconds:.0f}"
    return (
        f"| [{recipe.name}]({link}) | {recipe.shows} | {results.answer(recipe) or results.score(recipe)} | {seconds} |"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script with command-line arguments and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("folders", metavar="RUN_FOLDER", type=Path, nargs="+")
    recording.add_argument("--busy", action="store_true")
    commands.add_parser("readme")
    commands.add_parser("train").add_argument("recipes", metavar="RECIPE", nargs="*")
    commands.add_parser("confirm").add_argument("recipes", metavar="RECIPE", nargs="*")
    commands.add_parser("tolerate").add_argument("recipes", metavar="RECIPE", nargs="+")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "tolerate":
            tolerate(arguments.recipes)
            return 0
        if arguments.command == "confirm":
            return 0 if confirm(arguments.recipes) else 1
        if arguments.command == "record":
            record(arguments.folders, quiet=not arguments.busy)
            return 0
        if arguments.command == "train":
            train(arguments.recipes)
        write_readmes()
    except ArgumentError as error:
        print(f"scores: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
