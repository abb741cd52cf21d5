"""Tests of recorded comparisons: answers with numbers of the results, and whether a new comparison supports them."""

import dataclasses
import json
from types import SimpleNamespace

import pytest

from tensorsmith.recipes import (
    CompareRequest,
    Comparison,
    RecordedRun,
    Results,
    VariantResult,
    compare,
    find_recipe,
    read_results,
)
from tensorsmith.recipes.answer import render_answer
from tensorsmith.recipes.catalog import RecipeFile, all_recipes
from tensorsmith.recipes.comparison import DIVERGED
from tensorsmith.recipes.comparison_results import contradictions, from_data, to_data
from tensorsmith.recipes.recorded.results import record_comparison
from tensorsmith.testing import raises_argument_error
from tensorsmith.tools.main import main

RECIPE = '''"""Which addend is best?"""

from dataclasses import dataclass

from tensorsmith.recipes import Settings


@dataclass(frozen=True)
class Config(Settings):
    addend: float = 0.0  # number that is added to the accuracy


SCORE = "test accuracy"
ANSWER = "{best} is best, by {gain[large]} over none ({seeds} seeds)."
VARIANTS = {"none": {}, "large": {"addend": 0.1}}


def train(config, run):
    accuracy = 0.5 + config.addend + 0.01 * config.seed
    run.end_epoch({"val_accuracy": accuracy})
    return {"validation": {"accuracy": accuracy}, "test": {"accuracy": accuracy}}
'''


def comparison(direction="max", **scores):
    variants = [VariantResult(name, {}, dict(enumerate(values))) for name, values in scores.items()]
    return Comparison("question", "test", "accuracy", direction, variants)


def test_results_are_stored_without_loss():
    columns = {"test loss": {0: 0.25, 2: 1e-7}}
    variant = VariantResult("a", {"rate": 0.1}, {0: 0.5, 2: 1 / 3}, {0: 3.0, 2: 4.0}, {0: [0.1]}, columns)
    stored = json.loads(json.dumps(to_data(Comparison("question", "test", "accuracy", "max", [variant]))))
    (loaded,) = from_data(stored).variants
    assert (loaded.name, loaded.tuned, loaded.columns, loaded.seconds) == (
        "a",
        {"rate": 0.1},
        columns,
        {0: 3.0, 2: 4.0},
    )
    assert loaded.scores == {0: 0.5, 2: 0.333333}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"a": [0.8, 0.81, 0.8], "b": [0.9, 0.91, 0.92]}, []),
        ({"a": [0.9, 0.91, 0.92], "b": [0.8, 0.81, 0.8]}, ["a and b"]),
        ({"a": [0.9, 0.91, 0.92], "b": [0.91, 0.80, 0.93]}, []),  # not by two standard errors
        ({"a": [0.9]}, []),
    ],
)
def test_contradictions(now, expected):
    stored = comparison(a=[0.7, 0.71, 0.7], b=[0.8, 0.81, 0.83], c=[0.8, 0.8, 0.84])
    assert contradictions(stored, comparison(**now)) == expected


@pytest.mark.parametrize("template", ["{gain[missing]}", "{unknown}", "{score", "{column[b/test loss]}"])
def test_unknown_fields_of_an_answer(template):
    with raises_argument_error("ANSWER", expected="the variants a, b"):
        render_answer(template, comparison(a=[0.5, 0.6], b=[0.6, 0.8]))


def test_names_of_variants_that_are_numbers():
    results = comparison(**{"32": [0.5, 0.6], "64": [0.6, 0.7]})
    assert render_answer("{score[64]}, {tuned}", results) == "0.650 ± 0.071, {}"
    with raises_argument_error("ANSWER", remedy="correct the field '128'"):
        render_answer("{score[128]}", results)


def test_scores_of_the_recorded_runs():
    file = find_recipe("mlp/digits")
    runs = [RecordedRun(seed, {"test": {"accuracy": 0.9 + seed / 10}}, 1.0, None, {}) for seed in range(2)]
    declaration = dataclasses.replace(file.declaration, answer="It is {run[test accuracy]}.")
    recipe = SimpleNamespace(declaration=declaration)
    assert Results(runs).answer(recipe) == "It is 0.950."
    assert Results().answer(recipe) == ""


def test_recorded_runs_without_the_score():
    runs = [RecordedRun(0, {"test": {"loss": 0.9}}, 1.0, None, {})]
    assert Results(runs).score(find_recipe("mlp/digits")) == "not measured yet"


def test_smaller_scores_are_better():
    results = comparison("min", a=[0.5, 0.6], b=[0.6, 0.8])
    assert render_answer("{ranking}, {best}, {gain[b]}", results) == "a 0.550, b 0.700, a, -0.150 ± 0.071"


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_answers_of_recipes(recipe):
    """Each comparison has an answer, which can be written with the stored results and has one to three sentences."""
    results, variants = read_results(recipe), list(recipe.declaration.variants)
    assert recipe.declaration.answer or not variants
    if variants:
        assert results.comparison is not None
        assert [variant.name for variant in results.comparison.variants] == variants
    if recipe.declaration.answer:
        assert 1 <= results.answer(recipe).count(". ") + 1 <= 3


def test_times_of_a_busy_machine_are_not_recorded(tmp_path):
    (tmp_path / "mine.py").write_text(RECIPE)
    (tmp_path / "figure.png").write_bytes(b"image")
    recipe = RecipeFile("mine.py", tmp_path / "mine.py")
    for seconds, quiet in (({0: 3.0}, False), ({0: 4.0}, True), ({0: 9.0}, False)):
        new = comparison(none=[0.5 + seconds[0]])
        timed = dataclasses.replace(new.variants[0], seconds=seconds)
        record_comparison(recipe, dataclasses.replace(new, variants=[timed]), tmp_path / "figure.png", quiet=quiet)
        (stored,) = read_results(recipe).comparison.variants
        assert stored.scores == {0: 0.5 + seconds[0]}
        assert stored.seconds == ({} if seconds[0] == 3.0 else {0: 4.0})


@pytest.mark.parametrize(
    ("error", "diverged"),
    [
        ("`loss` became nan at step 2 of epoch 1", True),
        ("`loss` became -inf at step 2 of epoch 1", True),
        ("The run was killed by SIGKILL.", False),
    ],
)
def test_divergence_is_a_result(error, diverged):
    assert bool(DIVERGED.search(error)) == diverged


def test_comparison_with_a_new_answer(tmp_path, monkeypatch, capsys):
    """The command prints its table and succeeds, although the answer has a column that is not stored yet."""
    new = comparison(none=[0.5], large=[0.6])
    monkeypatch.setattr("tensorsmith.tools.commands.compare.compare", lambda request: (tmp_path, new))
    (tmp_path / "mine.py").write_text(RECIPE)
    (tmp_path / "figure.png").write_bytes(b"image")
    record_comparison(RecipeFile("mine.py", tmp_path / "mine.py"), new, tmp_path / "figure.png", quiet=True)
    assert main(["compare", str(tmp_path / "mine.py")]) == 0
    assert "Stored answer: large is best, by +0.1 over none (1 seeds)." in capsys.readouterr().out
    (tmp_path / "mine.py").write_text(RECIPE.replace("{gain[large]}", "{column[large/test loss]}"))
    assert main(["compare", str(tmp_path / "mine.py")]) == 0
    printed = capsys.readouterr()
    assert "large" in printed.out
    assert "Stored answer" not in printed.out
    assert "The stored results lack numbers of the answer" in printed.err
    assert "large/test loss" in printed.err


@pytest.mark.slow  # runs in other processes
def test_comparison_is_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(RECIPE)
    compare(CompareRequest("mine.py", seeds=2, record=True))
    recipe = find_recipe("mine.py")
    assert read_results(recipe).answer(recipe) == "large is best, by +0.1 ± 0 over none (2 seeds)."
    assert (tmp_path / "results" / "mine.png").stat().st_size > 0
    assert main(["compare", "mine.py", "--seeds", "2"]) == 0
    assert "The stored comparison is supported" in capsys.readouterr().out
    assert main(["show", "mine.py"]) == 0
    assert "Answer: large is best" in capsys.readouterr().out
    with raises_argument_error("--record", received="--record with --seed", expected="used with the defaults"):
        compare(CompareRequest("mine.py", ["--seed", "5"], record=True))
