"""Tests of the limits of YAML documents. Each of the documents once ran for minutes or ended in another error."""

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
        (bomb(), "more than 1,000,000 values"),
        (bomb().replace("[", "{x: [").replace("]", "]}"), "more than 1,000,000 values"),
        (merge_bomb(), "more than 1,000,000 values"),
        (chain(), "more than 1,000,000 values or 50 nested collections"),
        ("a: &a [*a]", "must not contain itself"),
        ("a: &a {<<: *a}", "must not contain itself"),
        ("a: *b", "undefined alias"),
        ("x: " + "[" * 5000, "more than 50 nested collections"),
        ("x: " + "[" * 3000 + "]" * 3000, "more than 50 nested collections"),
        ("- " * 5000, "more than 50 nested collections"),
        ("x: {" * 3000, "more than 50 nested collections"),
        ("x" * 10_000_001, "more than 10,000,000 characters"),
        ("x: " + "9" * 5000, "integer string conversion"),
        ("x: 2024-99-99", "month must be in 1..12"),
        ("x: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
    ids=lambda text: text[:10],
)
def test_hostile_documents(text, problem):
    with pytest.raises(yaml.YAMLError, match=problem):
        parse_yaml(text)


def test_usual_documents():
    text = "a: &b {d: 3}\nb: [1, {c: [2.5, yes, null]}]\nc: 2024-02-29\ne: [*b, *b]\nf: {<<: *b, g: 1}"
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml("[" * 50 + "]" * 50) == yaml.safe_load("[" * 50 + "]" * 50)
