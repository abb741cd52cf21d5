"""Reproduction of recorded scores: training with a recorded seed, and comparison with the recorded range."""

import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import Progress, Verbatim, argument_error
from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.recorded.results import read_results
from tensorsmith.recipes.run_pool import run_in_pool

MARGIN = 0.02  # of the mean, by which the recorded range is extended, because processors round differently


@dataclass(frozen=True)
class Reproduction:
    """Result of a run that repeats a recorded one.

    Attributes:
        recipe: Name of the recipe.
        score: Split and name of the main score.
        lowest: Lower end of the range of acceptable scores.
        highest: Upper end of the range.
        value: Score of the run, or `None` if the run failed.
        error: Last line of the output of a failed run.
    """

    recipe: str
    score: str
    lowest: float
    highest: float
    value: float | None
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """`True` if the score is in the range."""
        return self.value is not None and self.lowest <= self.value <= self.highest


def reproduce(recipes: Sequence[RecipeFile], parallel: int = 1) -> Iterator[Reproduction]:
    """Train recipes with the seed of their first recorded run, and compare the scores with the recorded range.

    The range is extended by its width and by 2 % of the mean, because scores depend on the processor.

    Args:
        recipes: Recipes, whose results are recorded.
        parallel: Number of runs at a time, each in a process of its own.

    Yields:
        The result of each run, when it ends.

    Raises:
        ValueError: If no run of a recipe is recorded.
    """
    ranges = {recipe.name: _range(recipe) for recipe in recipes}
    with tempfile.TemporaryDirectory() as scratch, Progress("tensorsmith.recipes") as progress:
        folders = {recipe.name: Path(scratch) / str(number) for number, recipe in enumerate(recipes)}
        commands, by_log = {}, {}
        for recipe in recipes:
            log = folders[recipe.name].with_suffix(".log")
            seed = str(read_results(recipe).runs[0].seed)
            run = ["run", recipe.name, "--seed", seed, "--out", str(folders[recipe.name])]
            commands[log], by_log[log] = ["tensorsmith.tools", *run], recipe
        task = progress.start("reproducing scores", len(recipes), "runs")
        for log in run_in_pool(commands, parallel):
            task.advance()
            recipe = by_log[log]
            split, metric = recipe.objective
            path, lines = folders[recipe.name] / "metrics.json", log.read_text(errors="replace").strip().splitlines()
            value = json.loads(path.read_text())[split][metric] if path.exists() else None
            error = "" if path.exists() else (lines or ["no output"])[-1]
            yield Reproduction(recipe.name, f"{split} {metric}", *ranges[recipe.name], value, error)


def _range(recipe: RecipeFile) -> tuple[float, float]:
    """Return the range of acceptable scores."""
    runs = read_results(recipe).runs
    if not runs:
        received = Verbatim(f"{recipe.name}, of which no run is recorded")
        raise argument_error("NAME", received, "a recipe with recorded results")
    split, metric = recipe.objective
    values = [run.scores[split][metric] for run in runs]
    margin = max(values) - min(values) + MARGIN * abs(statistics.mean(values))
    return min(values) - margin, max(values) + margin
