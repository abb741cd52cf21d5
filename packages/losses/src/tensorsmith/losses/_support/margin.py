"""The check of margins."""

from tensorsmith.core import check, is_number


def check_margin(margin: float) -> None:
    """Raises unless it is a number of 0 or more."""
    fits = is_number(margin) and margin >= 0
    check(fits, "margin", margin, "a number of 0 or more", "give the distance that suffices, for example 1.0")
