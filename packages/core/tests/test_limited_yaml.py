"""Tests of the limits of YAML documents. Each of the documents once ran for minutes or ended in another error."""

import time
from itertools import pairwise

import pytest
import yaml

from tensorsmith.core import parse_yaml


def bomb():
    """Nine levels of aliases, which expand to 9**9 strings."""
    names = "abcdefghi"
    lines = [f"a: &a [{', '.join('x' * 9)}]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in pairwise(names)]
    return "\n".join(lines)


def merge_bomb():
    """Mappings, each of which merges nine copies of the previous one."""
    names = "abcdefghi"
    lines = ["a: &a {x: 1, y: 2}"]
    lines += [f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}" for before, name in pairwise(names)]
    return "\n".join(lines)


def chain():
    """Lists, each of which contains the previous one only."""
    return "\n".join(["a0: &a0 []", *(f"a{n + 1}: &a{n + 1} [*a{n}]" for n in range(3000))])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (bomb(), "more than 20,000 values"),
        (bomb().replace("[", "{x: [").replace("]", "]}"), "more than 20,000 values"),
        (merge_bomb(), "more than 20,000 values"),
        (chain(), "more than 20,000 values or 50 nested collections"),
        ("a: &a [*a]", "must not contain itself"),
        ("a: &a {<<: *a}", "must not contain itself"),
        ("a: *b", "undefined alias"),
        ("x: " + "[" * 5000, "more than 50 nested collections|exceeded maximum nesting depth"),
        ("x: " + "[" * 3000 + "]" * 3000, "more than 50 nested collections|exceeded maximum nesting depth"),
        ("- " * 5000, "more than 50 nested collections"),
        ("x: {" * 3000, "more than 50 nested collections|exceeded maximum nesting depth"),
        ("x" * 1_000_001, "more than 1,000,000 characters"),
        ("x: " + "9" * 5000, "at most 400 digits"),
        ("x: 2024-99-99", "month must be in 1..12"),
        ("x: 0x" + "f" * 10_000, "at most 400 digits"),
        ("x: !!int 1" + ":1" * 9000, "at most 400 digits"),
        ("x: !!float 1" + ":1" * 9000, "at most 400 digits"),
        ("x: 1" + ":1" * 400_000, "a value of more than 20,000 characters"),
        ("x: '1" + ":1" * 400_000 + "'", "a value of more than 20,000 characters"),
        ("'" + "x" * 30_000 + "': 3", "a value of more than 20,000 characters"),
        ("x: !!int ''", "not a value of the type int"),
        ("x: !!timestamp foo", "not a value of the type timestamp"),
        ("x: !!bool foo", "not a value of the type bool"),
        ("x: [" + "1," * 490_000 + "1]", "more than 20,000 values"),
        ("x: {" + ",".join(f"a{n}: 1" for n in range(70_000)) + "}", "more than 20,000 values"),
        ("\n".join(f"a{n}: 1" for n in range(90_000)), "more than 20,000 values"),
        ("x: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
    ids=lambda text: text[:20],
)
def test_hostile_documents(text, problem):
    started = time.process_time()
    with pytest.raises(yaml.YAMLError, match=problem):
        parse_yaml(text)
    assert time.process_time() - started < 10  # refused before the work, not after it


@pytest.mark.parametrize("text", ["1" + ":1" * 9000, "1" + ":1" * 9000 + ".5", "12:30:45", "-1:30"])
def test_numbers_to_base_60_are_strings(text):
    """A long number of this form takes minutes to convert, also in libraries to which the string is passed."""
    assert parse_yaml(f"x: {text}") == {"x": text}


def test_usual_documents():
    text = "a: &b {d: 3}\nb: [1, {c: [2.5, yes, null]}]\nc: 2024-02-29\ne: [*b, *b]\nf: {<<: *b, g: 1}"
    assert parse_yaml(text) == yaml.safe_load(text)
    numbers = "[1, -2, 0x1f, 0b11, 017, 1_000, 1.5, -.5, 1e+3, 1.0e+3, .inf, .nan, 2024-02-29 10:11:12]"
    assert str(parse_yaml(numbers)) == str(yaml.safe_load(numbers))
    assert parse_yaml("[" * 50 + "]" * 50) == yaml.safe_load("[" * 50 + "]" * 50)
