"""Results of a comparison: scores of each variant, gains over the baseline, and their table."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorsmith.recipes.shown_numbers import with_deviation


@dataclass(frozen=True)
class VariantResult:
    """Scores of a variant.

    Attributes:
        name: Name of the variant.
        tuned: Mapping from the tuned fields to the chosen values.
        scores: Mapping from seeds to scores.
        seconds: Mapping from seeds to training times in seconds.
        curves: Mapping from seeds to the validation scores of all epochs, if they were logged.
        columns: Mapping from the names of further scores, such as "test loss", to mappings from seeds to values.
        errors: Messages of failed runs.
    """

    name: str
    tuned: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[int, float] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)
    curves: Mapping[int, Sequence[float]] = field(default_factory=dict)
    columns: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    errors: Sequence[str] = ()


@dataclass(frozen=True)
class Comparison:
    """Results of a comparison.

    Attributes:
        question: First paragraph of the recipe header.
        split: Split on which the scores were computed, such as "test".
        metric: Name of the metric.
        direction: "max" if larger scores are better, "min" if smaller ones are.
        variants: Results of all variants. The first one is the baseline.
    """

    question: str
    split: str
    metric: str
    direction: str
    variants: Sequence[VariantResult]

    def gains(self, variant: VariantResult) -> list[float]:
        """Return the improvements of a variant over the baseline, one for each seed of both. Positive is better."""
        baseline = self.variants[0].scores
        sign = 1 if self.direction == "max" else -1
        return [sign * (score - baseline[seed]) for seed, score in variant.scores.items() if seed in baseline]


def to_data(comparison: Comparison) -> dict[str, Any]:
    """Return the results of a comparison, without curves, as JSON data with six significant digits."""
    variants = [
        {
            "name": variant.name,
            "tuned": dict(variant.tuned),
            "scores": _rounded(variant.scores),
            "seconds": _rounded(variant.seconds),
            "columns": {name: _rounded(values) for name, values in variant.columns.items()},
        }
        for variant in comparison.variants
    ]
    kept = {name: getattr(comparison, name) for name in ("question", "split", "metric", "direction")}
    return {**kept, "variants": variants}


def from_data(data: Mapping[str, Any]) -> Comparison:
    """Return the comparison from which `to_data` has returned the data."""
    variants = [
        VariantResult(
            name=variant["name"],
            tuned=variant["tuned"],
            scores=_by_seed(variant["scores"]),
            seconds=_by_seed(variant["seconds"]),
            columns={name: _by_seed(values) for name, values in variant["columns"].items()},
        )
        for variant in data["variants"]
    ]
    return Comparison(**{**data, "variants": variants})


def contradictions(stored: Comparison, new: Comparison) -> list[str]:
    """Return the pairs of variants whose order in a stored comparison is the reverse of that in a new one.

    Only pairs count whose scores, paired by seed, differ by more than twice the standard error in both.
    """
    found = []
    for one, other in itertools.combinations(stored.variants, 2):
        by_name = {variant.name: variant for variant in new.variants}
        if one.name in by_name and other.name in by_name:
            before, now = _order(one, other), _order(by_name[one.name], by_name[other.name])
            if before * now < 0:
                found.append(f"{one.name} and {other.name}")
    return found


def _order(one: VariantResult, other: VariantResult) -> int:
    """Return 1 or -1 if the scores of one variant are larger or smaller by more than two standard errors, else 0."""
    differences = [score - other.scores[seed] for seed, score in one.scores.items() if seed in other.scores]
    if len(differences) < 2:
        return 0
    mean, error = statistics.mean(differences), statistics.stdev(differences) / math.sqrt(len(differences))
    return 0 if abs(mean) <= 2 * error else int(math.copysign(1, mean))


def _rounded(values: Mapping[int, float]) -> dict[str, float]:
    return {str(seed): float(f"{value:.6g}") for seed, value in values.items()}


def _by_seed(values: Mapping[str, float]) -> dict[int, float]:
    return {int(seed): value for seed, value in values.items()}


def comparison_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table of a comparison."""
    baseline = comparison.variants[0]
    tuned = list(dict.fromkeys(name for variant in comparison.variants for name in variant.tuned))
    columns = list(dict.fromkeys(name for variant in comparison.variants for name in variant.columns))
    score, gain = f"{comparison.split} {comparison.metric}", f"gain over {baseline.name}"
    rows = [
        [
            variant.name,
            *(str(variant.tuned.get(name, "")) for name in tuned),
            with_deviation(list(variant.scores.values())) if variant.scores else "failed",
            "" if variant is baseline else with_deviation(comparison.gains(variant), sign="+"),
            *(with_deviation(list(variant.columns.get(name, {}).values())) for name in columns),
            str(len(variant.scores)),
            f"{statistics.mean(variant.seconds.values()):.0f}" if variant.seconds else "",
        ]
        for variant in comparison.variants
    ]
    return ["variant", *tuned, score, gain, *columns, "seeds", "seconds"], rows


def to_markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
