"""Tests of the MLP recipes: parameter counts, CSV files, encodings and cross-validation."""

import json

import numpy as np
import pytest

from tensorsmith.data import DataNotFoundError, load
from tensorsmith.recipes import RunRequest, launch


@pytest.mark.parametrize(("units", "parameters"), [((300, 100), 266_610), ((), 7850)])
def test_parameters_of_fashion_mnist(load_recipe, units, parameters):
    recipe = load_recipe("mlp/fashion_mnist")
    assert recipe.build_model(recipe.Config(units=units)).count_params() == parameters


def test_csv_files_contain_the_data_set(load_recipe):
    recipe = load_recipe("mlp/california_csv")
    data = recipe.build_data(recipe.Config(), {})
    for split, dataset in data.items():
        expected = load("california_housing", split)
        rows = np.concatenate([np.column_stack(batch) for batch in dataset.as_numpy_iterator()])
        expected_rows = np.column_stack([expected.features, expected.labels])
        np.testing.assert_array_equal(sorted(map(tuple, rows)), sorted(map(tuple, expected_rows)))
    batches = [next(iter(data["train"].take(1).as_numpy_iterator()))[1] for _ in range(2)]
    assert not np.array_equal(*batches)  # each pass has another order


def test_standardized_row_of_the_textbook(load_recipe):
    """The model standardizes a CSV line to the values that Géron (2019, chapter 13) prints."""
    recipe = load_recipe("mlp/california_csv")
    config = recipe.Config()
    model = recipe.build_model(config, recipe.prepare(config, None))
    assert sum(np.prod(variable.shape) for variable in model.trainable_variables) == 301
    features, price = recipe.parse(["4.2083,44.0,5.3232,0.9171,846.0,2.3370,37.47,-122.2,2.782"])
    printed = [0.16579159, 1.216324, -0.05204564, -0.39215982, -0.5277444, -0.2633488, 0.8543046, -1.3072058]
    np.testing.assert_allclose(model.layers[0](features)[0], printed, rtol=1e-5)
    assert price.numpy().tolist() == [np.float32(2.782)]


def test_line_without_a_price_is_an_error(load_recipe):
    with pytest.raises(Exception, match="Field 8 is required but missing"):
        load_recipe("mlp/california_csv").parse(["1,2,3,4,5,6,7,8,"])


def test_piecewise_linear_encoding(load_recipe):
    """The sum of the components is the interpolated index of the interval, and all but one of them are 0 or 1."""
    features = np.random.default_rng(0).normal(size=(500, 3))
    features[:, 2] = np.round(features[:, 2])  # fewer values than intervals
    encoded = load_recipe("mlp/california_piecewise").encoder(features, bins=8)(features).numpy().reshape(500, 3, 8)
    for number, column in enumerate(features.T):
        edges = np.unique(np.quantile(column, np.linspace(0, 1, 9)))
        expected = np.interp(column, edges, np.arange(len(edges)))
        np.testing.assert_allclose(encoded[:, number].sum(axis=1), expected, atol=1e-4)
    assert (np.sum((encoded > 0) & (encoded < 1), axis=-1) <= 1).all()
    assert len(np.unique(np.quantile(features[:, 2], np.linspace(0, 1, 9)))) < 9


@pytest.mark.slow  # takes seconds
def test_cross_validation_on_mnist(tmp_path):
    launch(RunRequest("mlp/mnist", ["--folds", "2", "--units", "[]"], smoke=True, out=tmp_path / "run"))
    scores = json.loads((tmp_path / "run" / "metrics.json").read_text())["cross_validation"]
    assert 0.5 < scores["lowest_accuracy"] <= scores["accuracy"] < 1


def test_whole_mnist_without_network(load_recipe, monkeypatch, tmp_path):
    """Without the data set of TFDS, the error lists where it was searched."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    recipe = load_recipe("mlp/mnist")
    with pytest.raises(DataNotFoundError, match='Could not obtain data set "mnist"'):
        recipe.build_data(recipe.Config(source="tfds"))
