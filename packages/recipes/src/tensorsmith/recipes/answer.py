"""Answer of a recipe to its question, whose numbers come from its stored results."""

import statistics
from collections.abc import Mapping
from typing import Any

from tensorsmith.core import argument_error
from tensorsmith.recipes.comparison_results import Comparison, VariantResult
from tensorsmith.recipes.shown_numbers import with_deviation, with_digits


class Fields(dict[str, Any]):
    """Values of the fields `{name[KEY]}` of a text. `str.format` converts keys such as "32" to integers."""

    def __missing__(self, key: Any) -> Any:
        if isinstance(key, int):
            return self[str(key)]
        raise KeyError(key)


def render_answer(template: str, comparison: Comparison | None = None, runs: Mapping[str, float] | None = None) -> str:
    """Return an answer in which fields are replaced by stored results.

    Args:
        template: One to three sentences with the fields `{score[VARIANT]}`, `{gain[VARIANT]}` (over the first variant,
            paired by seed), `{seconds[VARIANT]}`, `{column[VARIANT/SPLIT METRIC]}` and `{tuned[VARIANT/FIELD]}`, and
            `{ranking}`, which lists all variants from best to worst, `{best}` and `{seeds}`; and `{run[SPLIT METRIC]}`
            for a score with the default configuration. Newlines are replaced by spaces.
        comparison: Results of the comparison of the variants.
        runs: Mapping from the names of scores, such as "test accuracy", to the means over the recorded runs.

    Raises:
        ValueError: If the template has a field that does not exist.

    Example:
        >>> a, b = VariantResult("a", scores={0: 0.8, 1: 0.82}), VariantResult("b", scores={0: 0.85, 1: 0.89})
        >>> comparison = Comparison("Which is best?", "test", "accuracy", "max", [a, b])
        >>> render_answer("{best} gains {gain[b]} ({ranking}; {seeds} seeds).", comparison)
        'b gains +0.060 ± 0.014 (b 0.870, a 0.810; 2 seeds).'
        >>> render_answer("{run[test accuracy]}, as expected.", runs={"test accuracy": 0.9})
        '0.900, as expected.'
    """
    fields: dict[str, Any] = {"run": Fields({name: with_digits(value, value) for name, value in (runs or {}).items()})}
    if comparison is not None:
        fields |= _fields(comparison)
    try:
        return " ".join(template.split()).format_map(fields)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        known = [name for name, values in fields.items() if values]
        variants = [variant.name for variant in comparison.variants] if comparison is not None else []
        expected = f"a text with the fields {', '.join(known)} and the variants {', '.join(variants)}"
        raise argument_error("ANSWER", template, expected, f"correct the field {error}") from error


def _fields(comparison: Comparison) -> dict[str, Any]:
    """Return the fields for the results of a comparison."""
    variants = {variant.name: variant for variant in comparison.variants if variant.scores}
    ranked = sorted(variants.values(), key=_mean, reverse=comparison.direction == "max")
    return {
        "score": Fields({name: with_deviation(list(each.scores.values())) for name, each in variants.items()}),
        "gain": Fields({name: with_deviation(comparison.gains(each), sign="+") for name, each in variants.items()}),
        "seconds": Fields(
            {name: f"{statistics.mean(each.seconds.values()):.0f}" for name, each in variants.items() if each.seconds}
        ),
        "column": Fields(
            {
                f"{name}/{column}": with_deviation(list(values.values()))
                for name, each in variants.items()
                for column, values in each.columns.items()
            }
        ),
        "tuned": Fields(
            {f"{name}/{key}": value for name, each in variants.items() for key, value in each.tuned.items()}
        ),
        "ranking": ", ".join(f"{each.name} {with_digits(_mean(each), _mean(each))}" for each in ranked),
        "best": ranked[0].name if ranked else "",
        "seeds": max((len(each.scores) for each in ranked), default=0),
    }


def _mean(variant: VariantResult) -> float:
    return statistics.mean(variant.scores.values())
