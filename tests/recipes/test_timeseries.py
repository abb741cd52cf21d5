"""Tests of the recipes of time series: published numbers of parameters, windows and calendars."""

import numpy as np
import pytest

from tensorsmith.data import load, time_series

# Géron, 2019, chapter 15, and the notebook of that chapter: numbers of trainable parameters.
PARAMETERS = {
    "linear": 510,
    "iterated": 1_281,
    "last": 1_470,
    "rnn": 1_470,
    "layer_norm": 1_550 - 40,  # the published cell has shifts after the normalization and biases, which are equivalent
    "lstm": 5_250,
    "gru": 4_110,
    "convolution": 5_350,
    "wavenet": 6_010,
}


@pytest.mark.parametrize("network", PARAMETERS)
def test_published_parameters(network, load_recipe):
    recipe = load_recipe("timeseries/ten_steps")
    model = recipe.build_model(recipe.Config(network=network))
    assert sum(int(np.prod(each.shape)) for each in model.trainable_variables) == PARAMETERS[network]


@pytest.mark.parametrize("network", ["last", "rnn", "convolution"])
def test_targets_follow_the_inputs(network, load_recipe):
    """The targets of output i are the ten values after the last input that this output reads."""
    recipe = load_recipe("timeseries/ten_steps")
    series = time_series(10_000, 60, seed=42)[..., 0]
    inputs, targets = recipe.build_data(recipe.Config(network=network))["test"]
    assert len(inputs) == 1000
    outputs = recipe.build_model(recipe.Config(network=network))(inputs[:2])
    assert outputs.shape[1:] == targets.shape[1:]
    last_input = {"last": lambda i: 49, "rnn": lambda i: i, "convolution": lambda i: 2 * i + 3}[network]
    for output in range(targets.shape[1]):
        position = last_input(output)
        np.testing.assert_array_equal(inputs[:, position, 0], series[9000:, position])
        np.testing.assert_array_equal(targets[:, output], series[9000:, position + 1 : position + 11])


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
