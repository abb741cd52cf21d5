"""Tests of the comparison of variants: gains against NumPy, tuning, failing variants, and resuming."""

import contextlib
import json
import signal
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest

from tensorsmith.core import UnreadableFileError
from tensorsmith.recipes import (
    CompareRequest,
    Comparison,
    VariantResult,
    compare,
    comparison,
    comparison_table,
    find_recipe,
)
from tensorsmith.recipes.comparison_figure import plot_comparison
from tensorsmith.runs import alone_in
from tensorsmith.testing import raises_argument_error

RECIPE = '''"""Which addend is best?"""

import pathlib
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Recipe settings."""

    addend: float = 0.0  # number that is added to the accuracy
    rate: float = 1.0  # tuned number
    pause: float = 0.0  # duration in seconds
    seed: int = 0  # random seed


SCORE = "test accuracy"
VARIANTS = {"none": {}, "small": {"addend": 0.1}, "failing": {"addend": -1.0}}
GRID = {"rate": (3.0, 1.0, 2.0)}  # the score is NaN for the first
COLUMNS = ("test loss",)


def train(config, run):
    with open(pathlib.Path(__file__).with_name("starts"), "a") as file:
        file.write(f"{config.addend} {config.rate} {config.seed}\\n")
    time.sleep(config.pause)
    if config.addend < 0:
        raise ValueError("addend is negative")
    validation = 1 - (config.rate - 2) ** 2 - config.addend * config.rate  # the best rate depends on the addend
    validation = float("nan") if config.rate == 3 else validation
    test = 0.5 + config.addend * (1 + config.seed) + config.rate / 100
    run.end_epoch({"val_accuracy": validation})
    return {"validation": {"accuracy": validation}, "test": {"accuracy": test, "loss": 1 - test}}
'''


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "addend.py"
    path.write_text(RECIPE)
    return path


def test_gains_are_paired_by_seed():
    """Tests means, standard deviations and gains of scores with a missing seed against NumPy."""
    baseline = VariantResult(
        "a", {"rate": 0.1}, {0: 0.5, 1: 0.7, 2: 0.9}, {0: 3.0, 1: 5.0, 2: 4.0}, columns={"test size": {0: 1, 1: 3}}
    )
    other = VariantResult("b", {"rate": 0.3}, {0: 0.4, 2: 0.6}, {0: 3.0, 2: 4.0})
    gains = np.array([0.5 - 0.4, 0.9 - 0.6])
    comparison = Comparison("question", "test", "error", "min", [baseline, other, VariantResult("c")])
    np.testing.assert_allclose(comparison.gains(other), gains)
    header, rows = comparison_table(comparison)
    assert header == ["variant", "rate", "test error", "gain over a", "test size", "seeds", "seconds"]
    assert rows[0] == ["a", "0.1", f"0.70 ± {np.std([0.5, 0.7, 0.9], ddof=1):.2f}", "", f"2.0 ± {2**0.5:.1f}", "3", "4"]
    assert rows[1][2:4] == [f"0.50 ± {np.std([0.4, 0.6], ddof=1):.2f}", f"+0.20 ± {np.std(gains, ddof=1):.2f}"]
    assert rows[1][4] == ""
    assert rows[2] == ["c", "", "failed", "", "", "0", ""]


def test_figure_marks_failures_and_outliers(tmp_path, monkeypatch):
    """The axis shows the better half of the variants, the border the score of an outlier, and a label each failure."""
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: figures.append(figure))
    scores = {
        "a": {0: 0.83, 1: 0.84},
        "b": {0: 0.82, 1: 0.81},
        "bad": {0: 0.1, 1: 0.1},
        "broken": {},
        "nan": {0: np.nan},
    }
    variants = [VariantResult(name, {}, values) for name, values in scores.items()]
    monkeypatch.setattr("tensorsmith.recipes.comparison_figure.replace_file", contextlib.nullcontext)
    plot_comparison(Comparison("question", "test", "accuracy", "max", variants), tmp_path / "figure.png")
    (panel,) = figures[0].axes
    assert [label.get_text() for label in panel.get_yticklabels()] == list(scores)
    low, high = panel.get_xlim()
    assert 0.7 < low < 0.81
    assert 0.84 < high < 0.9
    assert {(text.get_text(), text.get_position()[1]) for text in panel.texts} == {
        ("0.1", 2),
        ("failed", 3),
        ("not finite", 4),
    }


def test_figure_shows_two_groups_of_variants(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: figures.append(figure))
    monkeypatch.setattr("tensorsmith.recipes.comparison_figure.replace_file", contextlib.nullcontext)
    scores = {"a": {0: 0.99, 1: 0.98}, "b": {0: 0.98, 1: 0.99}, "c": {0: 0.4, 1: 0.5}, "d": {0: 0.3, 1: 0.4}}
    variants = [VariantResult(name, {}, values) for name, values in scores.items()]
    plot_comparison(Comparison("question", "test", "accuracy", "max", variants), tmp_path / "figure.png")
    low, high = figures[0].axes[0].get_xlim()
    assert low < 0.3
    assert high > 0.99


def test_figure_shows_what_can_be_compared(tmp_path, monkeypatch):
    """Further scores that are equal in all runs, or that one variant has, have no panel. Errors may span magnitudes."""
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: figures.append(figure))
    monkeypatch.setattr("tensorsmith.recipes.comparison_figure.replace_file", contextlib.nullcontext)
    columns = {"test reached": {0: 1.0, 1: 1.0}, "test loss": {0: 0.1, 1: 0.2}}
    curves = {0: [900.0, 1.0, 0.5], 1: [800.0, 1.0, 0.6]}
    one = VariantResult("a", {}, {0: 0.5, 1: 0.6}, curves=curves, columns=columns | {"test folding": {0: 1.0, 1: 2.0}})
    other = VariantResult("b", {}, {0: 0.6, 1: 0.7}, curves=curves, columns=columns)
    plot_comparison(Comparison("question", "test", "error", "min", [one, other]), tmp_path / "figure.png")
    curve, *panels = figures[0].axes
    assert curve.get_yscale() == "log"
    assert [panel.get_xlabel() for panel in panels] == ["test error (smaller is better)", "test loss"]


def test_rounding_is_not_shown(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: figures.append(figure))
    monkeypatch.setattr("tensorsmith.recipes.comparison_figure.replace_file", contextlib.nullcontext)
    variants = [VariantResult(name, {}, {0: score}) for name, score in (("a", 0.5), ("b", 0.5 + 6e-8))]
    plot_comparison(Comparison("question", "test", "error", "min", variants), tmp_path / "figure.png")
    assert figures[0].axes[0].get_xlim() == pytest.approx((0.45, 0.55))


def test_variants_are_shown_completely_or_not_at_all(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: figures.append(figure))
    monkeypatch.setattr("tensorsmith.recipes.comparison_figure.replace_file", contextlib.nullcontext)
    scores = {"a": [0.89, 0.9], "b": [0.88, 0.89], "c": [0.6, 0.6], "d": [0.88, 0.5]}
    variants = [VariantResult(name, {}, dict(enumerate(values))) for name, values in scores.items()]
    plot_comparison(Comparison("question", "test", "accuracy", "max", variants), tmp_path / "figure.png")
    (panel,) = figures[0].axes
    assert panel.get_xlim()[0] < 0.5
    assert [text.get_text() for text in panel.texts] == ["0.6"]


@pytest.mark.parametrize("count", [2, 5, 9])
def test_bars_are_inside_the_frame(tmp_path, monkeypatch, count):
    """The bars of the first and last variant, which are markers of a fixed height, are not cut."""
    figures = []
    save = "matplotlib.figure.Figure.savefig"
    monkeypatch.setattr(save, lambda figure, path, **_: (figures.append(figure), figure.draw_without_rendering()))
    variants = [VariantResult(f"variant {number}", {}, {0: 0.8, 1: 0.8 + number / 100}) for number in range(count)]
    plot_comparison(Comparison("question", "test", "accuracy", "max", variants), tmp_path / "figure.png")
    (panel,) = figures[0].axes
    frame = panel.get_window_extent()
    bars = [line for line in panel.lines if line.get_marker() == "|"]
    assert len(bars) == count
    for bar in bars:
        center = panel.transData.transform((0, bar.get_ydata()[0]))[1]
        half = bar.get_markersize() / 72 * figures[0].dpi / 2
        assert frame.y0 < center - half < center + half < frame.y1


@pytest.mark.parametrize("score", ["accuracy", "", "test accuracy 0.9"])
def test_score_without_a_split_or_metric(tmp_path, score):
    (tmp_path / "mine.py").write_text(RECIPE.replace('SCORE = "test accuracy"', f'SCORE = "{score}"'))
    assert find_recipe("mlp/digits").objective == ("test", "accuracy")
    with raises_argument_error("SCORE", received=f"'{score}'", remedy='define SCORE = "test accuracy" in'):
        compare(CompareRequest(str(tmp_path / "mine.py")))


@pytest.mark.slow  # imports TensorFlow in another process
@pytest.mark.parametrize("grid", [True, False])
def test_unknown_metric_is_reported_before_the_first_run(tmp_path, grid):
    recipe = RECIPE.replace('SCORE = "test accuracy"', 'SCORE = "test auc"')
    (tmp_path / "mine.py").write_text(recipe if grid else recipe.replace("GRID = ", "OTHER = "))
    name = "test auc"
    with raises_argument_error("SCORE", received=name, expected="test accuracy, test loss"):
        compare(CompareRequest(str(tmp_path / "mine.py"), out=tmp_path / "out"))
    assert len((tmp_path / "starts").read_text().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_invalid_requests(tmp_path, recipe):
    with raises_argument_error("NAME", received="mlp/digits", remedy="define VARIANTS in the recipe"):
        compare(CompareRequest("mlp/digits"))
    with raises_argument_error("--parallel", received="0"):
        compare(CompareRequest(str(recipe), parallel=0))
    both = tmp_path / "both.py"
    both.write_text(RECIPE.replace('"small": {"addend": 0.1}', '"small": {"rate": 0.1}'))
    with raises_argument_error("GRID", received="rate", expected="a mapping whose fields no variant changes"):
        compare(CompareRequest(str(both)))
    wrong = tmp_path / "wrong.py"
    wrong.write_text(RECIPE.replace("test loss", "loss"))
    with raises_argument_error("COLUMNS", received="loss", expected="names of the form SPLIT METRIC"):
        compare(CompareRequest(str(wrong)))
    empty = tmp_path / "empty.py"
    empty.write_text(RECIPE.replace("(3.0, 1.0, 2.0)", "()"))
    with raises_argument_error("GRID", received="no values for rate"):
        compare(CompareRequest(str(empty)))
    with raises_argument_error("--out", received=str(tmp_path), expected="the folder of a comparison"):
        compare(CompareRequest(str(recipe), out=tmp_path, resume=True))
    with raises_argument_error("arguments", received="--seeds with --resume"):
        compare(CompareRequest(str(recipe), seeds=2, resume=True))
    with raises_argument_error("fields", received="addend, rate", expected="neither the variants nor the grid"):
        compare(CompareRequest(str(recipe), ["--rate", "1.0", "--addend", "2.0"], out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def commands(monkeypatch):
    """Commands of the runs that comparisons start. The runs fail at once."""
    started = []
    monkeypatch.setattr(comparison, "run_in_pool", lambda runs, parallel: started.extend(runs.values()) or iter(runs))
    return started


def with_module(recipe):
    text = recipe.read_text().replace("    seed: int", '    module: str = ""  # SavedModel\n    seed: int')
    recipe.write_text(text + '\n\nCODE_FIELDS = ("module",)\n')
    return str(recipe)


def test_code_in_configurations(tmp_path, recipe, commands):
    """Modules in configuration files are used with `trust` only, and those that the user names always."""
    name, shared = with_module(recipe), tmp_path / "shared.yaml"
    shared.write_text("module: evil\n")
    refused = raises_argument_error("module", received=f"'evil' in {shared}", remedy="pass it as --module, or")
    with refused:
        compare(CompareRequest(name, config=shared, smoke=True, out=tmp_path / "a"))
    assert not (tmp_path / "a").exists()
    compare(CompareRequest(name, ["--module", "mine"], config=shared, smoke=True, seeds=1, out=tmp_path / "b"))
    assert all("--module=mine" in command and "--trust" not in command for command in commands)
    assert len(commands) == 3
    compare(CompareRequest(name, config=shared, smoke=True, seeds=1, out=tmp_path / "c", trust=True))
    assert all("--module=evil" in command and "--trust" in command for command in commands[3:])


def test_folders_of_others(tmp_path, recipe, commands):
    name, out = with_module(recipe), tmp_path / "out"
    compare(CompareRequest(name, smoke=True, seeds=1, out=out))
    settings = out / "comparison.yaml"
    whole = settings.read_text()
    settings.write_text(whole.replace("fields: {}", "fields: {module: evil}"))
    assert settings.read_text() != whole
    with raises_argument_error("module", received="'evil' in"):
        compare(CompareRequest(name, out=out, resume=True))
    settings.write_text(whole)
    (out / "none/seed-0").mkdir()
    (out / "none/seed-0/checkpoints").symlink_to(tmp_path)
    with raises_argument_error("run", received="checkpoints, a link that leads out of it"):
        compare(CompareRequest(name, out=out, resume=True))
    compare(CompareRequest(name, out=out, resume=True, trust=True))
    settings.write_text("recipe: 3\nfields: []\n")
    with raises_argument_error("comparison.yaml", received="recipe and fields and seeds and tunes are damaged"):
        compare(CompareRequest(name, out=out, resume=True, trust=True))


@pytest.mark.parametrize("seeds", ["0", "-1", "1001", "1000000000"])
def test_damaged_number_of_seeds(tmp_path, recipe, commands, seeds):
    out = tmp_path / "out"
    compare(CompareRequest(str(recipe), smoke=True, seeds=1, out=out))
    settings = out / "comparison.yaml"
    settings.write_text(settings.read_text().replace("seeds: 1", f"seeds: {seeds}"))
    with raises_argument_error("comparison.yaml", received="seeds are damaged"):
        compare(CompareRequest(str(recipe), out=out, resume=True))


def test_two_comparisons_in_one_folder(tmp_path, recipe, commands):
    out = finished_runs(recipe, tmp_path / "out")
    with alone_in(out, "comparison"), raises_argument_error("out", received="another comparison is running"):
        compare(CompareRequest(str(recipe), out=out, resume=True))
    compare(CompareRequest(str(recipe), out=out, resume=True))


def finished_runs(recipe, out):
    """Comparison of finished runs, without their processes."""
    compare(CompareRequest(str(recipe), smoke=True, seeds=1, out=out))
    for name in ("none", "small", "failing"):
        folder = out / name / "seed-0"
        folder.mkdir()
        (folder / "metrics.json").write_text('{"test": {"accuracy": 0.5}, "seconds": 1.0}')
        (folder / "history.csv").write_text("epoch,val_accuracy\n1,0.25\n2,0.5\n")
    return out


@pytest.mark.parametrize(
    "content",
    [
        b"epoch,val_accuracy\n1,\xff\n",
        b"epoch,val_accuracy\n1,0\x00\n",
        b"epoch,val_accuracy\n1,0.5\n2\n",
        b"epoch,val_accuracy\n1,0.5,2\n",
        b"epoch,val_accuracy\n1,high\n",
        b'epoch,val_accuracy\n1,"0.5\n',
        b"\xff\xfee\x00p\x00",
    ],
)
def test_damaged_history(tmp_path, recipe, commands, content):
    out = finished_runs(recipe, tmp_path / "out")
    _, result = compare(CompareRequest(str(recipe), out=out, resume=True))
    assert result.variants[0].curves == {0: [0.25, 0.5]}
    (out / "small/seed-0/history.csv").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"one with intact files, got .*history\.csv, which cannot be read"):
        compare(CompareRequest(str(recipe), out=out, resume=True))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"test": 5, "seconds": 1.0}',
        '{"test": null, "seconds": 1.0}',
        '{"test": {"accuracy": [1]}, "seconds": 1.0}',
        '{"test": {"accuracy": 0.5}}',
        f"[{'[],' * 400_000}[]]",
    ],
    ids=range(8),
)
def test_damaged_metrics(tmp_path, recipe, commands, content):
    out = finished_runs(recipe, tmp_path / "out")
    (out / "small/seed-0/metrics.json").write_text(content)
    with pytest.raises(UnreadableFileError, match=r"metrics\.json, which cannot be read"):
        compare(CompareRequest(str(recipe), out=out, resume=True))


@pytest.mark.slow  # starts a process that imports TensorFlow
def test_modules_of_the_current_folder(tmp_path, recipe, monkeypatch):
    """Modules in the current folder are not imported, as by the command itself."""
    monkeypatch.chdir(tmp_path)
    for name in ("keras", "runpy", "tensorsmith"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')")
    _, result = compare(CompareRequest(str(recipe), smoke=True, seeds=1, out=tmp_path / "out"))
    assert sorted(result.variants[0].scores) == [0], result.variants[0].errors


@pytest.mark.slow  # 14 runs in two processes that import TensorFlow
def test_comparison_with_failing_variant(tmp_path, recipe):
    """The score is 1 - (rate - 2)^2 - addend * rate: the best rate is 2. A score that is not finite is ignored."""
    request = CompareRequest(str(recipe), seeds=2, parallel=2, out=tmp_path / "out")
    folder, comparison = compare(request)
    none, small, failing = comparison.variants
    assert (none.tuned, small.tuned) == ({"rate": 2.0}, {"rate": 2.0})
    assert none.scores == {0: 0.52, 1: 0.52}
    np.testing.assert_allclose(comparison.gains(small), [0.1, 0.2])
    assert failing.scores == {}
    assert {error.rpartition(": ")[2] for error in failing.errors} == {"addend is negative"}
    assert none.curves == {0: [1.0], 1: [1.0]}
    assert json.loads((folder / "comparison.json").read_text())["variants"][1]["tuned"] == {"rate": 2.0}
    rows = (folder / "comparison.md").read_text().splitlines()
    assert rows[3].startswith(
        f"| small | 2.0 | 0.670 ± {statistics.stdev([0.62, 0.72]):.3f} | +0.150 ± 0.071 | 0.330 ± 0.071 | 2 |"
    )
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    starts = (tmp_path / "starts").read_text().splitlines()
    starts.remove("0.0 1.0 0")  # the run that checks the names of the scores
    assert len(starts) == len(set(starts)) == 9 + 2  # nine runs for tuning, and the second seed of two variants
    compare(CompareRequest(str(recipe), out=folder, resume=True))
    assert len((tmp_path / "starts").read_text().splitlines()) == 12 + 3  # only the failed runs are repeated


@pytest.mark.slow  # starts and interrupts several processes
def test_interrupted_comparison_resumes(tmp_path, recipe):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tensorsmith.tools", "compare", str(recipe), "--smoke", "--out", str(out)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*command, "--seeds", "1", "--pause", "3.0"], stderr=log, stdout=log)
    while not (out / "none" / "seed-0" / "metrics.json").exists():
        assert process.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    said = (tmp_path / "log").read_text()
    assert f"To resume it: tensorsmith compare {recipe} --out {out} --resume --parallel 1" in said
    _, comparison = compare(CompareRequest(str(recipe), out=out, resume=True))
    assert [sorted(variant.scores) for variant in comparison.variants] == [[0], [0], []]
    assert (tmp_path / "starts").read_text().splitlines().count("0.0 1.0 0") == 1  # not repeated
