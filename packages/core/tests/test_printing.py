"""Tests of text with control characters."""

import io

import pytest

from tensorsmith.core import Verbatim, argument_error, print_text, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Größe 日本 😀", "plain Größe 日本 😀"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31mred", r"\x9b31mred"),  # the same control sequence in one character of 8 bits
        ("a\rb\nc\bd\x00", r"a\rb\nc\x08d\x00"),
        ("\u202egpj.exe", r"\u202egpj.exe"),  # displayed as exe.jpg
        ("\udcff", r"\udcff"),  # byte of a file name that is not valid UTF-8
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_print_text_leaves_layout():
    out = io.StringIO()
    print_text("a\tb\n\x1bc", 3, sep="|", end="!\n", file=out)
    assert out.getvalue() == "a\tb\n\\x1bc|3!\n"


def test_errors_are_printable():
    error = argument_error("\x1b[2Jfield", Verbatim("\x1b]0;title"), "omitted", "use \x1b[1mname")
    assert str(error) == r"\x1b[2Jfield must be omitted, got \x1b]0;title. Use \x1b[1mname."
