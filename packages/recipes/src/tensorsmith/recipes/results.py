"""Recorded results of a recipe: the scores and training times of runs with its default configuration."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tensorsmith.core import replace_file
from tensorsmith.recipes.catalog import RecipeFile


@dataclass(frozen=True)
class RecordedRun:
    """Scores of a completed run.

    Attributes:
        seed: Random seed of the run.
        scores: Mapping from splits to mappings from metrics to values.
        seconds: Training time in seconds.
        steps_per_second: Training steps per second, or `None` for a training procedure.
        versions: Mapping from the names of packages to their versions.
        source: Hash of the source code with which the recipe was trained.
    """

    seed: int
    scores: Mapping[str, Mapping[str, float]]
    seconds: float
    steps_per_second: float | None
    versions: Mapping[str, str]
    source: str


@dataclass(frozen=True)
class Results:
    """Results that are stored with a recipe.

    Attributes:
        runs: Runs with the default configuration, sorted by seed.
    """

    runs: Sequence[RecordedRun] = ()

    @property
    def seconds(self) -> float | None:
        """Mean training time in seconds, or `None` if no run is recorded."""
        return statistics.mean(run.seconds for run in self.runs) if self.runs else None

    def score(self, recipe: RecipeFile) -> str:
        """Return the mean of the main score of a recipe with three digits, and the range if there are several seeds.

        Example:
            >>> from tensorsmith.recipes import find_recipe
            >>> run = RecordedRun(0, {"test": {"accuracy": 0.98}}, 3.0, None, {}, "")
            >>> Results([run]).score(find_recipe("mlp/digits"))
            'test accuracy 0.980'
        """
        if not self.runs:
            return "not measured yet"
        split, metric = recipe.objective
        values = [run.scores[split][metric] for run in self.runs]
        mean = statistics.mean(values)
        shown = f"{split} {metric} {with_digits(mean, mean)}"
        if len(values) == 1:
            return shown
        low, high = (with_digits(value, mean) for value in (min(values), max(values)))
        return f"{shown} ({low} to {high}, {len(values)} seeds)"


def with_digits(value: float, reference: float, digits: int = 3) -> str:
    """Return a value with as many decimals as are necessary for the significant digits of a reference.

    Example:
        >>> with_digits(0.9, 0.98), with_digits(27.84, 27.84), with_digits(0.00114, 0.0011)
        ('0.900', '27.8', '0.00114')
    """
    magnitude = math.floor(math.log10(abs(reference))) if reference and math.isfinite(reference) else 0
    return f"{value:.{max(0, digits - 1 - magnitude)}f}"


def results_path(recipe: RecipeFile) -> Path:
    """Return the path of the file of results, next to the recipe."""
    return recipe.path.parent / "results" / f"{recipe.path.stem}.json"


def read_results(recipe: RecipeFile) -> Results:
    """Return the recorded results of a recipe, which are empty if none are stored."""
    path = results_path(recipe)
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"runs": []}
    return Results([RecordedRun(**run) for run in stored["runs"]])


def write_results(recipe: RecipeFile, results: Results) -> None:
    """Store the results of a recipe."""
    path = results_path(recipe)
    path.parent.mkdir(exist_ok=True)
    with replace_file(path) as draft:
        draft.write_text(json.dumps(asdict(results), indent=2, sort_keys=True) + "\n")
