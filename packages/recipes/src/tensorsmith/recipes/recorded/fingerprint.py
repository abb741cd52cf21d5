"""Fingerprint of a recipe: the numbers of its smoke run, with which a change of its behavior is noticed."""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.run_folder import RunFolder

FIRST = 20  # values of each logged metric
FACTOR = 10  # of the largest difference between processors, which is tolerated
# Tolerance that is smaller than the effect of 1 % of the learning rate in all recipes, of which the smallest is 0.0024.
SMALLEST = 1e-3
WIDEST = 0.1  # tolerance for another processor
# Instruction sets of an older processor. Sums have another order then, and are rounded differently.
OTHER_PROCESSOR = {
    "TENSORSMITH_OPS_LEVEL": "baseline",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}


@dataclass(frozen=True)
class Metric:
    """Values of a metric in the smoke run.

    Attributes:
        values: First values of a logged metric, or the value of a score.
        tolerance: Largest relative difference that has the same behavior.
    """

    values: Sequence[float]
    tolerance: float


def fingerprint_of(folder: Path) -> dict[str, list[float]]:
    """Return the first values of all logged metrics and the scores of a run, by name."""
    metrics = json.loads((folder / "metrics.json").read_text())
    logged = {name: values[:FIRST] for name, values in RunFolder(folder).read_history().items()}
    scores = {
        f"{split} {name}": [value]
        for split, values in metrics.items()
        if isinstance(values, dict) and split != "versions"
        for name, value in values.items()
    }
    return {**logged, **scores}


def changes(recorded: Mapping[str, Metric], current: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a description of each metric whose values differ by more than the tolerance."""
    found = []
    for name, metric in recorded.items():
        values = current.get(name, ())
        difference = _difference(metric.values, values)
        if not difference <= metric.tolerance:
            found.append(f"{name}: {list(metric.values)} before, {list(values)} now (tolerance {metric.tolerance:.1g})")
    return found


def record_fingerprint(recipe: RecipeFile) -> dict[str, Metric]:
    """Run the smoke size of a recipe in several environments, and return its metrics with their tolerances.

    Metrics that differ between two equal runs, such as times, are left out.
    """
    with tempfile.TemporaryDirectory() as scratch:
        first, second, *others = _smoke_runs(recipe, Path(scratch))
    return {
        name: Metric(values, max(SMALLEST, FACTOR * max(_difference(values, other[name]) for other in others)))
        for name, values in first.items()
        if values == second[name] and all(map(math.isfinite, values))
    }


def tolerating_this_processor(recipe: RecipeFile, recorded: Mapping[str, Metric]) -> dict[str, Metric]:
    """Return a recorded fingerprint with tolerances of at least twice the differences on this processor.

    Kernels of TensorFlow sum in another order on another processor, which networks with batch normalization and few
    steps amplify. Metrics that would need a tolerance above 10 % are left out. Only call this function with the commit
    whose behavior has been recorded.
    """
    with tempfile.TemporaryDirectory() as scratch:
        current = next(_smoke_runs(recipe, Path(scratch)))
    widened = {
        name: Metric(metric.values, max(metric.tolerance, 2 * _difference(metric.values, current.get(name, ()))))
        for name, metric in recorded.items()
    }
    return {
        name: metric for name, metric in widened.items() if metric.tolerance <= max(WIDEST, recorded[name].tolerance)
    }


def _smoke_runs(recipe: RecipeFile, scratch: Path) -> Iterator[dict[str, list[float]]]:
    """Yield the fingerprints of two equal runs, one with other instruction sets, and one on a single core."""
    one_core = {min(os.sched_getaffinity(0))}
    for number, (changed, cores) in enumerate(
        [({}, None), ({}, None), (OTHER_PROCESSOR, None), ({}, one_core)],
    ):
        folder = scratch / str(number)
        command = [sys.executable, "-P", "-m", "tensorsmith.tools", "run", recipe.name, "--smoke", "--out", str(folder)]
        result = subprocess.run(
            command,
            env={**os.environ, **changed},
            preexec_fn=partial(os.sched_setaffinity, 0, cores) if cores else None,
            capture_output=True,
            text=True,
            cwd=scratch,
        )
        if result.returncode:
            raise RuntimeError(f"The smoke run of {recipe.name} failed: {result.stderr.strip().splitlines()[-1]}")
        yield fingerprint_of(folder)


def _difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the largest difference, relative to the largest value of a metric."""
    if len(one) != len(other) or not all(map(math.isfinite, other)):
        return math.inf
    scale = max(map(abs, one), default=0.0) or 1.0
    return max((abs(a - b) / scale for a, b in zip(one, other, strict=True)), default=0.0)
