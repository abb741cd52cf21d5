"""Validation of the margins of losses."""

from tensorsmith.core import check, is_number


def check_margin(margin: float) -> None:
    """Raise an error unless the margin is a non-negative number."""
    fits = is_number(margin) and margin >= 0
    check(
        fits,
        "margin",
        margin,
        "a non-negative number",
        "pass the distance beyond which pairs do not contribute to the loss, for example 1.0",
    )
