"""Results of a comparison: scores of each variant, gains over the baseline, and their table."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


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


def with_deviation(values: Sequence[float], sign: str = "") -> str:
    """Return the mean of values and, if there are several, their standard deviation, as a string.

    The standard deviation has two significant digits, and the mean as many decimals.
    """
    if not values:
        return ""
    mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    if not 1e-9 < deviation < 1e9:  # decimals would be useless or unreadable
        return f"{mean:{sign}.4g}" + (f" ± {deviation:.2g}" if len(values) > 1 else "")
    decimals = max(0, 1 - math.floor(math.log10(deviation)))
    return f"{mean:{sign}.{decimals}f} ± {deviation:.{decimals}f}"


def to_markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
