"""Tests of Keras models as scikit-learn estimators."""

import copy
import io

import joblib
import keras
import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer
from tensorsmith.tuning import SKLearnClassifier, SKLearnRegressor


def line(X, learning_rate=0.1, units=0):
    hidden = [keras.layers.Dense(units, "relu")] if units else []
    model = keras.Sequential([keras.Input(X.shape[1:]), *hidden, keras.layers.Dense(1)])
    return Trainer(model, keras.optimizers.SGD(learning_rate), "mse", jit=False)


def classes(X, y, units=16):
    outputs = keras.layers.Dense(len(np.unique(y)), "softmax")
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(units, "relu"), outputs])
    return Trainer(model, keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", jit=False)


def is_right(X):
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    return model


def test_regressor_matches_least_squares(plane):
    x, y = plane
    ours = SKLearnRegressor(line, epochs=60, random_state=0).fit(x, y)
    theirs = LinearRegression().fit(x, y)
    assert ours.predict(x) == pytest.approx(theirs.predict(x), abs=0.05)
    assert ours.score(x, y) == pytest.approx(theirs.score(x, y), abs=0.002)  # R²
    assert ours.predict(x).shape == y.shape
    assert len(ours.history_["loss"]) == 60


@pytest.mark.slow
def test_grid_search_by_name(plane):
    x, y = plane
    grid = {"learning_rate": [1e-5, 0.1], "epochs": [1, 15]}
    search = GridSearchCV(SKLearnRegressor(line, random_state=0), grid, cv=2).fit(x, y)
    assert search.best_params_ == {"learning_rate": 0.1, "epochs": 15}
    assert len(search.cv_results_["params"]) == 4


def test_keras_wrapper_lacks_build_parameters(plane):
    """Tests the limitation of the Keras wrapper that motivates these estimators."""
    theirs = keras.wrappers.SKLearnRegressor(line, model_kwargs={"learning_rate": 0.1})
    assert "learning_rate" not in theirs.get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'learning_rate'"):
        theirs.set_params(learning_rate=0.2)


def test_random_search_in_a_pipeline(plane):
    x, y = plane
    model = make_pipeline(StandardScaler(), SKLearnRegressor(line, epochs=5, random_state=0))
    ranges = {"sklearnregressor__learning_rate": [1e-6, 0.1], "sklearnregressor__batch_size": [8]}
    search = RandomizedSearchCV(model, ranges, n_iter=2, cv=2, random_state=0).fit(100 + 50 * x, y)
    assert search.best_params_ == {"sklearnregressor__learning_rate": 0.1, "sklearnregressor__batch_size": 8}


def test_clone_and_parameters():
    model = SKLearnRegressor(line, epochs=3, learning_rate=0.2)
    again = clone(model)
    assert again.get_params() == model.get_params()
    assert again.get_params()["learning_rate"] == 0.2
    assert again.get_params()["units"] == 0  # default of `build`
    assert again.set_params(units=4, epochs=5) is again
    assert (again.get_params()["units"], again.epochs, model.get_params()["units"]) == (4, 5, 0)
    assert is_regressor(model)
    assert is_classifier(SKLearnClassifier(classes))


def test_the_same_seed_gives_the_same_model(plane):
    one, two = (SKLearnRegressor(line, epochs=2, units=4, random_state=7).fit(*plane) for _ in range(2))
    np.testing.assert_array_equal(one.predict(plane[0]), two.predict(plane[0]))


def test_classifier_on_digits():
    x, y = load_digits(return_X_y=True)
    names = np.array(list("abcdefghij"))[y]
    model = SKLearnClassifier(classes, units=32, epochs=6, random_state=0).fit(x[:1200] / 16, names[:1200])
    assert list(model.classes_) == list("abcdefghij")
    assert model.score(x[1200:] / 16, names[1200:]) > 0.85
    proba = model.predict_proba(x[:5] / 16)
    assert proba.shape == (5, 10)
    assert proba.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_binary_classifier_with_one_output(plane):
    x, _ = plane
    labels = np.where(x[:, 0] > 0, "right", "left")
    model = SKLearnClassifier(is_right, epochs=10, random_state=0).fit(x, labels)
    assert model.score(x, labels) > 0.95
    proba = model.predict_proba(x)
    assert proba.sum(axis=1) == pytest.approx(1)
    assert (model.predict(x) == model.classes_[proba.argmax(axis=1)]).all()
    assert cross_val_score(model, x, labels, cv=2, scoring="roc_auc").min() > 0.95


def test_early_stopping_with_validation_split(plane):
    """Tests that each fit uses its own copy of a callback."""
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0)
    model = SKLearnRegressor(line, epochs=9, validation_split=0.25, callbacks=[stopping], random_state=0)
    for _ in range(2):
        assert len(model.fit(*plane).history_["val_loss"]) == 2
    assert stopping.best is None


def test_sample_weight(plane):
    """Tests that examples with a weight of zero are ignored."""
    x, y = plane
    weights = np.r_[np.ones(64), np.zeros(32)]
    model = SKLearnRegressor(line, epochs=60, random_state=0).fit(x, np.r_[y[:64], 99 + y[64:]], sample_weight=weights)
    assert model.predict(x) == pytest.approx(LinearRegression().fit(x[:64], y[:64]).predict(x), abs=0.1)


def through_a_file(model):
    """Saves and loads an estimator, as with `joblib.dump` and the processes of joblib."""
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("copied", [through_a_file, copy.deepcopy])
def test_copies_of_a_fitted_estimator(plane, copied):
    x, y = plane
    model = SKLearnRegressor(line, epochs=2, units=4, random_state=0).fit(x, y)
    again = copied(model)
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-6)
    assert again.get_params() == model.get_params()
    assert again.history_ == model.history_
    assert again.trainer_.model is again.model_
    assert np.isfinite(again.fit(x, y).score(x, y))


def test_cross_validate_returns_estimators(plane):
    x, y = plane
    model = SKLearnRegressor(line, epochs=1, random_state=0)
    found = cross_validate(model, x, y, cv=2, n_jobs=1, return_estimator=True)
    scores = [copy.deepcopy(each).score(x, y) for each in found["estimator"]]
    assert scores == pytest.approx([each.score(x, y) for each in found["estimator"]])


def flat(X, units=1):
    outputs = keras.layers.Dense(units, "sigmoid" if units == 1 else "softmax")
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Flatten(), outputs])
    model.compile(keras.optimizers.SGD(0.1), "mse" if units == 1 else "sparse_categorical_crossentropy")
    return model


def test_more_than_two_axes(plane):
    x = np.stack([plane[0], -plane[0]], axis=1)
    assert SKLearnRegressor(flat, epochs=1).fit(x, plane[1]).predict(x).shape == (96,)
    labels = np.where(plane[1] > 0, "up", "down")
    assert SKLearnClassifier(flat, epochs=1, units=2).fit(x, labels).predict_proba(x).shape == (96, 2)


def test_set_params_build():
    """Tests that hyperparameters that both functions have keep their values."""
    model = SKLearnRegressor(line, learning_rate=0.2, units=4)
    assert clone(model).set_params(build=needs_units).hyperparameters == {"units": 4}
    assert clone(model).set_params(units=5, build=needs_units).hyperparameters == {"units": 5}
    again = clone(clone(model).set_params(build=flat, epochs=2))
    assert (again.build, again.epochs, again.hyperparameters) == (flat, 2, {"units": 4})
    with raises_argument_error("learning_rate", received="0.3", expected="omitted (the estimator has no"):
        model.set_params(build=flat, learning_rate=0.3)
    assert model.build is line  # unchanged
    with raises_argument_error("depth", received="None", expected="set (needs_depth"):
        model.set_params(build=needs_depth)


def test_grid_search_over_build(plane):
    x, y = plane
    grid = [{"build": [line], "learning_rate": [0.1]}, {"build": [flat], "units": [1]}]
    search = GridSearchCV(SKLearnRegressor(flat, epochs=9, random_state=0), grid, cv=2).fit(x, y)
    assert search.best_params_ == {"build": line, "learning_rate": 0.1}  # a sigmoid is never negative
    assert search.best_estimator_.hyperparameters.keys() == {"learning_rate", "units"}


def needs_units(X, units):
    return line(X, units=units)


def needs_depth(X, depth):
    return line(X)


def takes_epochs(epochs=3):
    return None


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda x, y: SKLearnRegressor(line, learnign_rate=0.1),
            r"learnign_rate must be omitted \(line\(\) has no such argument\).*Did you mean",
        ),
        (lambda x, y: SKLearnRegressor(needs_units), r"units must be set \(needs_units.*got None"),
        (lambda x, y: SKLearnRegressor(takes_epochs), r"build must .*got \['epochs'\]"),
        (lambda x, y: SKLearnRegressor(line).set_params(unit=3), "unit must .*got 3.*Did you mean units?"),
        (lambda x, y: SKLearnRegressor(lambda: 3).fit(x, y), "build must be a function that returns.*got 3"),
        (lambda x, y: SKLearnRegressor(line, validation_split=1.0).fit(x, y), "validation_split must .*got 1.0"),
        (lambda x, y: SKLearnRegressor(line, validation_split="0.1").fit(x, y), "validation_split must .*got '0.1'"),
        (
            lambda x, y: SKLearnRegressor(line, validation_split=0.999).fit(x, y),
            "validation_split must be a fraction of the 96 examples.*got 0.999",
        ),
        (
            lambda x, y: SKLearnRegressor(line, validation_split=0.001).fit(x, y),
            "validation_split must be a fraction of the 96 examples.*got 0.001",
        ),
        (lambda x, y: SKLearnRegressor(line, epochs="3").fit(x, y), "epochs must be a positive integer, got '3'"),
        (lambda x, y: SKLearnRegressor(line, batch_size=0).fit(x, y), "batch_size must .*got 0"),
        (
            lambda x, y: SKLearnClassifier(classes).fit(x, np.zeros(96, int)),
            "y must contain labels of at least two classes",
        ),
        (lambda x, y: SKLearnClassifier(classes).fit(x, y), "Unknown label type"),
        (lambda x, y: SKLearnRegressor(line).fit(x, y).predict(x[:, :1]), "X has 1 features"),
        (lambda x, y: SKLearnRegressor(line).predict(x), "not fitted"),
    ],
)
def test_invalid_arguments(plane, make, said):
    with pytest.raises(ValueError, match=said):
        make(*plane)
