"""Tests of the recipes of time series: published numbers of parameters, windows and calendars."""

import datetime

import keras
import numpy as np
import pytest

from tensorsmith.data import load, time_series
from tensorsmith.recipes import RunRequest, launch

# Géron, 2019, chapter 15, and the notebook of that chapter: numbers of trainable parameters.
PARAMETERS = {
    "linear": 510,
    "iterated": 1_281,
    "iterated_deep": 1_282,
    "iterated_unit": 3,
    "iterated_linear": 51,
    "last": 1_470,
    "rnn": 1_470,
    "layer_norm": 1_550 - 40,  # the published cell has shifts after the normalization and biases, which are equivalent
    "lstm": 5_250,
    "gru": 4_110,
    "convolution": 5_350,
    "wavenet": 6_010,
}


def test_published_error_of_the_naive_forecast(load_recipe):
    """Notebook of Géron, 2019, chapter 15: the last value, one step ahead, on the validation series."""
    recipe = load_recipe("timeseries/one_step")
    inputs, targets = recipe.build_data(recipe.Config())["validation"]
    assert np.mean((inputs[:, -1] - targets[:, -1]) ** 2) == pytest.approx(0.020211367, rel=1e-6)


@pytest.mark.parametrize("network", PARAMETERS)
def test_published_parameters(network, load_recipe):
    recipe = load_recipe("timeseries/ten_steps")
    model = recipe.build_model(recipe.Config(network=network))
    assert sum(int(np.prod(each.shape)) for each in model.trainable_variables) == PARAMETERS[network]


@pytest.mark.parametrize("network", ["last", "rnn", "convolution", "iterated_deep", "iterated_linear"])
def test_targets_follow_the_inputs(network, load_recipe):
    """The targets of output i are the ten values, or the value, after the last input that this output reads."""
    recipe = load_recipe("timeseries/ten_steps")
    series = time_series(10_000, 60, seed=42)[..., 0]
    inputs, targets = recipe.build_data(recipe.Config(network=network))["test"]
    assert len(inputs) == 1000
    outputs = recipe.build_model(recipe.Config(network=network))(inputs[:2])
    assert outputs.shape[1:] == targets.shape[1:]
    last_input = {"rnn": lambda i: i, "iterated_deep": lambda i: i, "convolution": lambda i: 2 * i + 3}
    ahead = 1 if network.startswith("iterated") else 10
    assert targets.shape[2] == ahead
    for output in range(targets.shape[1]):
        position = last_input.get(network, lambda i: 49)(output)
        np.testing.assert_array_equal(inputs[:, position, 0], series[9000:, position])
        np.testing.assert_array_equal(targets[:, output], series[9000:, position + 1 : position + 1 + ahead])


@pytest.mark.slow  # takes seconds
def test_errors_of_forecasts(load_recipe, tmp_path):
    """A trained network of one unit: its first step, ten steps by a loop in NumPy, and the published naive error."""
    run = tmp_path / "run"
    flags = ["--network", "iterated_unit", "--epochs", "2"]
    metrics = launch(RunRequest("timeseries/ten_steps", flags, smoke=True, out=run)).metrics
    kernel, recurrent, bias = (weight.item() for weight in load_weights(run))
    series = time_series(10_000, 60, seed=42)[9000:, :, 0].astype("float64")
    past, future = series[:, :50], series[:, 50:]
    for _ in range(10):
        state = np.zeros(1000)
        for step in range(50):
            state = np.tanh(kernel * past[:, step - 50] + recurrent * state + bias)
        past = np.c_[past, state]
    squares = (past[:, 50:] - future) ** 2
    assert metrics["test"]["forecast_error"] == pytest.approx(squares.mean(), rel=1e-4)
    assert metrics["test"]["one_step_error"] == pytest.approx(squares[:, 0].mean(), rel=1e-4)
    # With the seed 42, the naive forecast has the error 0.25697, and not 0.223 as in the book.
    assert metrics["validation"]["repeat_last_error"] == pytest.approx(0.25697, abs=1e-5)
    naive = np.mean((series[:, 49] - series[:, 50]) ** 2)
    assert metrics["test"]["repeat_last_one_step_error"] == pytest.approx(naive, rel=1e-5)
    assert (run / "forecasts.png").exists()


def load_weights(run):
    """Returns the weights of the model of a run."""
    return keras.models.load_model(run / "model.keras", compile=False).get_weights()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ridership_windows(seed, load_recipe):
    """The forecasts start at the origin of the seed and follow the inputs, and the splits do not overlap."""
    recipe = load_recipe("timeseries/ridership")
    data = recipe.build_data(recipe.Config(seed=seed))
    days = [load("chicago_ridership", split).features for split in ("train", "validation", "test")]
    dates = np.concatenate([part["date"] for part in days]).astype("datetime64[D]")
    ridership = np.concatenate([part["ridership"] for part in days]) / 10
    origin = int(np.searchsorted(dates, np.datetime64(f"{2013 + seed}-08-30")))
    starts = {"validation": origin - 365, "test": origin}
    for split, start in starts.items():
        inputs, targets = data[split]
        assert len(targets) == 365 - 14 + 1  # each forecast lies within twelve months
        np.testing.assert_allclose(targets[0], ridership[start : start + 14], rtol=1e-6)
        np.testing.assert_allclose(targets[-1], ridership[start + 351 : start + 365], rtol=1e-6)
        np.testing.assert_allclose(inputs["past"][0, :, 0], ridership[start - 56 : start], rtol=1e-6)
        np.testing.assert_allclose(inputs["future"][0, :, 0], np.tile(ridership[start - 7 : start], 2), rtol=1e-6)
    np.testing.assert_allclose(data["train"][1][-1], ridership[origin - 365 - 14 : origin - 365], rtol=1e-6)


def test_ridership_calendar(load_recipe):
    """The calendar depends on dates and holidays only: it marks weekdays, Christmas and the days around holidays."""
    recipe = load_recipe("timeseries/ridership")
    dates = np.arange(np.datetime64("2015-12-20"), np.datetime64("2016-01-04")).astype(int)
    holidays = np.isin(dates, [np.datetime64("2015-12-25").astype(int), np.datetime64("2016-01-01").astype(int)])
    columns = recipe.calendar(dates, holidays.astype("float32"))
    assert (columns[:, :7].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(columns[:8, :7], columns[7:15, :7])
    before, on, after = columns[:, 7:10].T
    np.testing.assert_array_equal(np.flatnonzero(on), np.flatnonzero(holidays))
    np.testing.assert_array_equal(np.flatnonzero(before) + 1, np.flatnonzero(holidays))
    np.testing.assert_array_equal(np.flatnonzero(after) - 1, np.flatnonzero(holidays))
    assert columns[4, 11] == 1  # 24 December


def test_ridership_inputs_are_known_at_the_origin(load_recipe, monkeypatch):
    """No input depends on columns of the day of the first forecast or later, except for dates and holidays."""
    recipe = load_recipe("timeseries/ridership")
    expected = recipe.build_data(recipe.Config())
    origin = np.datetime64("2013-11-01")  # within the test period
    start = int((origin - np.datetime64("2013-08-30")).astype(int))
    changed = set()

    def load_changed(name, split):
        data = load(name, split)
        later = data.features["date"].astype("datetime64[D]") >= origin
        for column in data.features.keys() - {"date", "holiday"}:
            data.features[column][later] = np.nan
            changed.add(column)
        return data

    monkeypatch.setattr(recipe, "load", load_changed)
    found = recipe.build_data(recipe.Config())
    assert len(changed) == 29
    for split in ("train", "validation", "test"):
        rows = slice(start + 1) if split == "test" else slice(None)
        for name, values in expected[split][0].items():
            np.testing.assert_array_equal(found[split][0][name][rows], values[rows])
    assert np.isfinite(found["test"][0]["future"][start]).all()
    assert np.isnan(found["test"][1][start]).all()
    assert np.isnan(found["test"][0]["past"][start + 1, -1, 0])


def test_sea_temperature_has_equidistant_steps(load_recipe):
    """Steps are means of 3 hours or, in the gap, on a line; targets start where the split before ends."""
    recipe = load_recipe("timeseries/sea_temperature")
    rows, ends = {}, {}
    for split in ("train", "validation", "test"):
        features = load("sea_surface_temperature", split).features
        for time, value in zip(features["time"].tolist(), features["temperature"].tolist(), strict=True):
            moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
            step = moment.replace(hour=moment.hour // 3 * 3, minute=0)
            rows.setdefault(step, []).append(value)
            ends[split] = step
    every = [min(rows) + datetime.timedelta(hours=3 * number) for number in range(3209)]
    means = [np.mean(rows.get(step, np.nan)) for step in every]
    assert [number for number, mean in enumerate(means) if np.isnan(mean)] == [1153, 1154, 1155]
    for number in (1153, 1154, 1155):
        means[number] = means[1152] + (means[1156] - means[1152]) * (number - 1152) / 4
    begin = recipe.PAST
    for split, (x, y) in recipe.build_data(recipe.Config()).items():
        end = every.index(ends[split]) + 1
        assert len(y) == end - begin - recipe.AHEAD + 1
        for window in range(0, len(y), 50):
            last = begin + window - 1
            expected = np.array(means[last + 1 - recipe.PAST : last + 1 + recipe.AHEAD]) - means[last]
            np.testing.assert_allclose(np.r_[x[window, :, 0], y[window]], expected, atol=1e-5)
        begin = end


def test_gaps_are_not_seen(load_recipe):
    """The inputs of the missing values depend on the ends of the gap only."""
    recipe = load_recipe("timeseries/imputation")
    inputs, targets = recipe.build_data(recipe.Config())["test"]
    series = time_series(10_000, 60, seed=42)[9000:, :, 0]
    np.testing.assert_array_equal(targets, series[:, 25:35])
    known = np.r_[:25, 35:60]
    np.testing.assert_array_equal(inputs[:, known, 0], series[:, known])
    assert (inputs[:, known, 1] == 0).all()
    assert (inputs[:, 25:35, 1] == 1).all()
    line = [np.interp(range(25, 35), [24, 35], values[[24, 35]]) for values in series]
    np.testing.assert_allclose(inputs[:, 25:35, 0], line, atol=1e-6)


def test_pinball_loss_is_least_at_quantiles(load_recipe):
    """The constant quantiles of a sample minimize the loss."""
    recipe = load_recipe("timeseries/error_bars")
    values = np.random.default_rng(0).normal(size=(1001, 1, 1)).astype("float32")
    true = np.repeat(values, recipe.AHEAD, axis=-1)

    def loss(quantiles):
        predictions = np.broadcast_to(np.repeat(quantiles, recipe.AHEAD), (1001, 1, 3 * recipe.AHEAD))
        return float(np.mean(recipe.pinball(true, predictions.astype("float32"))))

    best = np.quantile(values, [0.1, 0.5, 0.9])
    others = [best + change for change in (*0.1 * np.eye(3), *-0.1 * np.eye(3))]
    assert all(loss(each) > loss(best) for each in others)
