"""Errors about arguments."""

import pytest

from tensorsmith.core import ArgumentError, Verbatim, argument_error


def test_it_is_a_value_error_that_says_everything():
    with pytest.raises(ValueError, match=r"`rate`: received 'half', expected a number\. Remedy: give 0\.5\."):
        raise argument_error("rate", "half", "a number", "give 0.5")


def test_long_values_are_cut():
    message = str(argument_error("x", list(range(1000)), "less"))
    assert len(message) < 250
    assert "..., expected less." in message


def test_descriptions_stand_without_quotes():
    assert "received an empty list, expected" in str(argument_error("x", Verbatim("an empty list"), "something"))


def test_a_question_gets_no_full_stop():
    assert str(argument_error("x", "y", "z", "did you mean z?")).endswith("did you mean z?")
    assert ArgumentError.__module__ == "tensorsmith.core"
