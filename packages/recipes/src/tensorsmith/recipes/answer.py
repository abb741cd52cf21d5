"""Answer of a recipe to its question, whose numbers come from the stored results of its comparison."""

import statistics

from tensorsmith.core import argument_error
from tensorsmith.recipes.comparison_results import Comparison, VariantResult
from tensorsmith.recipes.shown_numbers import with_deviation, with_digits


def render_answer(template: str, comparison: Comparison) -> str:
    """Return an answer in which fields are replaced by the results of a comparison.

    Args:
        template: One to three sentences with the fields `{score[VARIANT]}`, `{gain[VARIANT]}` (over the first variant,
            paired by seed), `{seconds[VARIANT]}`, `{column[VARIANT/SPLIT METRIC]}` and `{tuned[VARIANT/FIELD]}`, and
            `{ranking}`, which lists all variants from best to worst, `{best}` and `{seeds}`.
        comparison: Results of the comparison.

    Raises:
        ValueError: If the template has a field that does not exist.

    Example:
        >>> a, b = VariantResult("a", scores={0: 0.8, 1: 0.82}), VariantResult("b", scores={0: 0.85, 1: 0.89})
        >>> comparison = Comparison("Which is best?", "test", "accuracy", "max", [a, b])
        >>> render_answer("{best} gains {gain[b]} ({ranking}; {seeds} seeds).", comparison)
        'b gains +0.060 ± 0.014 (b 0.870, a 0.810; 2 seeds).'
    """
    variants = {variant.name: variant for variant in comparison.variants if variant.scores}
    ranked = sorted(variants.values(), key=_mean, reverse=comparison.direction == "max")
    fields = {
        "score": {name: with_deviation(list(each.scores.values())) for name, each in variants.items()},
        "gain": {name: with_deviation(comparison.gains(each), sign="+") for name, each in variants.items()},
        "seconds": {
            name: f"{statistics.mean(each.seconds.values()):.0f}" for name, each in variants.items() if each.seconds
        },
        "column": {
            f"{name}/{column}": with_deviation(list(values.values()))
            for name, each in variants.items()
            for column, values in each.columns.items()
        },
        "tuned": {f"{name}/{key}": value for name, each in variants.items() for key, value in each.tuned.items()},
        "ranking": ", ".join(f"{each.name} {with_digits(_mean(each), _mean(each))}" for each in ranked),
        "best": ranked[0].name if ranked else "",
        "seeds": max((len(each.scores) for each in ranked), default=0),
    }
    try:
        return template.format_map(fields)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        expected = f"a text with the fields {', '.join(fields)} and the variants {', '.join(variants)}"
        raise argument_error("ANSWER", template, expected, f"correct the field {error}") from error


def _mean(variant: VariantResult) -> float:
    return statistics.mean(variant.scores.values())
