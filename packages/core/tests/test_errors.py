"""Tests of errors about arguments."""

import copy

import pytest

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check


def test_argument_error_message_and_attributes():
    with pytest.raises(ValueError, match=r"^rate must be a number, got 'half'\. Pass 0\.5\.$") as caught:
        raise argument_error("rate", "half", "a number", "pass 0.5")
    error = caught.value
    assert (error.name, error.received, error.expected, error.remedy) == ("rate", "'half'", "a number", "pass 0.5")
    again = copy.copy(error)  # by the protocol of pickle, as errors cross processes
    assert (str(again), again.name, again.remedy) == (str(error), "rate", "pass 0.5")


def test_long_values_are_cut():
    message = str(argument_error("x", list(range(1000)), "less"))
    assert len(message) < 250
    assert message.startswith("x must be less, got [0, 1, ")
    assert message.endswith("....")


def test_verbatim_values_are_not_quoted():
    assert str(argument_error("x", Verbatim("an empty list"), "full")) == "x must be full, got an empty list."


@pytest.mark.parametrize("verb", ["not contain", "have", "contain", "differ from", "match", "define", "use"])
def test_verbs_in_expected_phrase(verb):
    assert str(argument_error("x", "y", f"{verb} z")) == f"x must {verb} z, got 'y'."
    assert str(argument_error("x", "y", f"a {verb} z")) == f"x must be a {verb} z, got 'y'."


def test_question_has_no_full_stop():
    assert str(argument_error("x", "y", "z", "Did you mean z?")).endswith("Did you mean z?")
    assert ArgumentError.__module__ == "tensorsmith.core"


def test_errors_in_functions_are_value_errors():
    """AutoGraph replaces an error by a copy, or by an error that is not a ValueError if it cannot copy it."""
    import tensorflow as tf

    @tf.function
    def failing(x):
        check(False, "rate", 2, "below 1")
        return x

    with pytest.raises(ValueError, match="rate must be below 1, got 2"):
        failing(1.0)
