"""Recorded results of a recipe: scores and training times of runs with its default configuration, and a fingerprint."""

import json
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, is_number, read_text, replace_file
from tensorsmith.recipes.answer import render_answer
from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.comparison_results import Comparison, from_data, to_data
from tensorsmith.recipes.recorded.fingerprint import Metric
from tensorsmith.recipes.shown_numbers import with_digits


@dataclass(frozen=True)
class RecordedRun:
    """Scores of a completed run.

    Attributes:
        seed: Random seed of the run.
        scores: Mapping from splits to mappings from metrics to values.
        seconds: Training time in seconds.
        steps_per_second: Training steps per second, or `None` for a training procedure.
        versions: Mapping from the names of packages to their versions.
    """

    seed: int
    scores: Mapping[str, Mapping[str, float]]
    seconds: float
    steps_per_second: float | None
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Results:
    """Results that are stored with a recipe.

    Attributes:
        runs: Runs with the default configuration, sorted by seed.
        fingerprint: Metrics of the smoke run. If they change, the recipe must be trained again.
        comparison: Comparison of the variants of the recipe, or `None` if none is recorded.
        weights: SHA-256 hash of the recorded weights, or an empty string if none are recorded.
    """

    runs: Sequence[RecordedRun] = ()
    fingerprint: Mapping[str, Metric] = field(default_factory=dict)
    comparison: Comparison | None = None
    weights: str = ""

    @property
    def seconds(self) -> float | None:
        """Mean training time in seconds, or `None` if no run is recorded."""
        return statistics.mean(run.seconds for run in self.runs) if self.runs else None

    def answer(self, recipe: RecipeFile) -> str:
        """Return the answer of a recipe to its question, or an empty string if the results are not recorded."""
        template, has_variants = recipe.declaration.answer, bool(recipe.declaration.variants)
        missing = self.comparison is None if has_variants else not self.runs
        if not template or missing:
            return ""
        names = [(split, name) for split, scores in self.runs[0].scores.items() for name in scores] if self.runs else []
        means = {
            f"{split} {name}": statistics.mean(run.scores[split][name] for run in self.runs) for split, name in names
        }
        return render_answer(template, self.comparison, means)

    def score(self, recipe: RecipeFile) -> str:
        """Return the mean of the main score of a recipe with three digits, and the range if there are several seeds.

        Example:
            >>> from tensorsmith.recipes import find_recipe
            >>> run = RecordedRun(0, {"test": {"accuracy": 0.98}}, 3.0, None, {})
            >>> Results([run]).score(find_recipe("mlp/digits"))
            'test accuracy 0.980'
        """
        split, metric = recipe.objective
        values = [run.scores[split][metric] for run in self.runs if metric in run.scores.get(split, {})]
        if not values:  # or the score was another one when the runs were recorded
            return "not measured yet"
        mean = statistics.mean(values)
        shown = f"{split} {metric} {with_digits(mean, mean)}"
        if len(values) == 1:
            return shown
        low, high = (with_digits(value, mean) for value in (min(values), max(values)))
        return f"{shown} ({low} to {high}, {len(values)} seeds)"


def results_path(recipe: RecipeFile) -> Path:
    """Return the path of the file of results, next to the recipe."""
    return recipe.path.parent / "results" / f"{recipe.path.stem}.json"


def read_results(recipe: RecipeFile) -> Results:
    """Return the recorded results of a recipe, which are empty if none are stored.

    Raises:
        UnreadableFileError: If the file of the results is damaged.
    """
    path = results_path(recipe)
    if not path.is_file():
        return Results()
    try:
        stored = json.loads(read_text(path))
        fingerprint = {name: Metric(**metric) for name, metric in stored.get("fingerprint", {}).items()}
        runs = tuple(RecordedRun(**run) for run in stored.get("runs", ()))
        comparison = from_data(stored["comparison"]) if stored.get("comparison") else None
        _check_values(runs, comparison)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        received = Verbatim(f"{path} ({type(error).__name__}: {error})")
        remedy = "restore the file, or remove it and measure the recipe again"
        raise UnreadableFileError.like(
            argument_error("results", received, "an intact file of results", remedy)
        ) from error
    return Results(runs, fingerprint, comparison, stored.get("weights", ""))


def _check_values(runs: Sequence[RecordedRun], comparison: Comparison | None) -> None:
    """Raise an error if results in a file have other types than usual, or if a run lacks scores of the first run.

    Raises:
        ValueError, AttributeError, TypeError: If the results are damaged.
    """
    values: list[Any] = []
    for run in runs:
        values += [run.seed, run.seconds, *(value for scores in run.scores.values() for value in scores.values())]
    variants = comparison.variants if comparison else ()
    for variant in variants:
        tables = [variant.scores, variant.seconds, *variant.columns.values()]
        values += [value for table in tables for value in table.values()]
    names = [{(split, name) for split, scores in run.scores.items() for name in scores} for run in runs]
    valid = all(isinstance(value, float) or is_number(value) for value in values)
    valid = valid and all(isinstance(variant.name, str) and isinstance(variant.tuned, dict) for variant in variants)
    if not valid or (comparison and not variants) or any(not names[0] <= other for other in names):
        raise ValueError("it lacks values, or has values of other types")


def write_results(recipe: RecipeFile, results: Results) -> None:
    """Store the results of a recipe."""
    path = results_path(recipe)
    path.parent.mkdir(exist_ok=True)
    data = {
        "runs": [asdict(run) for run in results.runs],
        "fingerprint": {name: asdict(metric) for name, metric in results.fingerprint.items()},
        "comparison": None if results.comparison is None else to_data(results.comparison),
        **({"weights": results.weights} if results.weights else {}),
    }
    with replace_file(path) as draft:
        draft.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")


def record_comparison(recipe: RecipeFile, comparison: Comparison, figure: Path, *, quiet: bool) -> None:
    """Store the results and the figure of a comparison.

    Args:
        recipe: Recipe file.
        comparison: Results to store.
        figure: Path of the figure.
        quiet: If `True`, nothing else ran on the machine. If `False`, the stored training times are kept.
    """
    stored = read_results(recipe)
    if not quiet:
        old = {variant.name: variant.seconds for variant in stored.comparison.variants} if stored.comparison else {}
        variants = [replace(variant, seconds=old.get(variant.name, {})) for variant in comparison.variants]
        comparison = replace(comparison, variants=variants)
    write_results(recipe, replace(stored, comparison=comparison))
    with replace_file(results_path(recipe).with_suffix(".png")) as draft:
        shutil.copyfile(figure, draft)
