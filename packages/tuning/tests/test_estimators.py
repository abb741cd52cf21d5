"""Keras models among scikit-learn's tools."""

import keras
import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tensorsmith.training import Trainer
from tensorsmith.tuning import SKLearnClassifier, SKLearnRegressor


def line(X, learning_rate=0.1, units=0):
    hidden = [keras.layers.Dense(units, "relu")] if units else []
    model = keras.Sequential([keras.Input(X.shape[1:]), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate), "mse")
    return model


def classes(X, y, units=16):
    outputs = keras.layers.Dense(len(np.unique(y)), "softmax")
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(units, "relu"), outputs])
    return Trainer(model, keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", jit=False)


def is_right(X):
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    return model


def test_regressor_is_least_squares(plane):
    x, y = plane
    ours = SKLearnRegressor(line, epochs=60, random_state=0).fit(x, y)
    theirs = LinearRegression().fit(x, y)
    assert ours.predict(x) == pytest.approx(theirs.predict(x), abs=0.05)
    assert ours.score(x, y) == pytest.approx(theirs.score(x, y), abs=0.002)  # R²
    assert ours.predict(x).shape == y.shape
    assert len(ours.history_["loss"]) == 60


def test_grid_search_by_name(plane):
    x, y = plane
    grid = {"learning_rate": [1e-5, 0.1], "epochs": [1, 15]}
    search = GridSearchCV(SKLearnRegressor(line, random_state=0), grid, cv=2).fit(x, y)
    assert search.best_params_ == {"learning_rate": 0.1, "epochs": 15}
    assert len(search.cv_results_["params"]) == 4


def test_keras_own_wrapper_cannot(plane):
    """Which is why ours is here."""
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
    assert again.get_params()["units"] == 0  # the default of build
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


def test_one_output_for_two_classes(plane):
    x, _ = plane
    labels = np.where(x[:, 0] > 0, "right", "left")
    model = SKLearnClassifier(is_right, epochs=10, random_state=0).fit(x, labels)
    assert model.score(x, labels) > 0.95
    proba = model.predict_proba(x)
    assert proba.sum(axis=1) == pytest.approx(1)
    assert (model.predict(x) == model.classes_[proba.argmax(axis=1)]).all()
    assert cross_val_score(model, x, labels, cv=2, scoring="roc_auc").min() > 0.95


def test_early_stopping_sees_the_split(plane):
    """Each fit with a callback of its own."""
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0)
    model = SKLearnRegressor(line, epochs=9, validation_split=0.25, callbacks=[stopping], random_state=0)
    for _ in range(2):
        assert len(model.fit(*plane).history_["val_loss"]) == 2
    assert stopping.best is None


def test_weights_count(plane):
    """Examples without weight might as well not be there."""
    x, y = plane
    weights = np.r_[np.ones(64), np.zeros(32)]
    model = SKLearnRegressor(line, epochs=60, random_state=0).fit(x, np.r_[y[:64], 99 + y[64:]], sample_weight=weights)
    assert model.predict(x) == pytest.approx(LinearRegression().fit(x[:64], y[:64]).predict(x), abs=0.1)


def needs_units(X, units):
    return line(X, units=units)


def takes_epochs(epochs=3):
    return None


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda x, y: SKLearnRegressor(line, learnign_rate=0.1),
            r"`learnign_rate`.*argument of line\(\).*did you mean",
        ),
        (lambda x, y: SKLearnRegressor(needs_units), "`units`: received None, expected a value, as needs_units"),
        (lambda x, y: SKLearnRegressor(takes_epochs), r"`build`: received \['epochs'\]"),
        (lambda x, y: SKLearnRegressor(line).set_params(unit=3), "`unit`: received 3.*did you mean units?"),
        (lambda x, y: SKLearnRegressor(lambda: 3).fit(x, y), "`build`: received 3, expected a function that returns"),
        (lambda x, y: SKLearnRegressor(line, validation_split=1.0).fit(x, y), "`validation_split`: received 1.0"),
        (lambda x, y: SKLearnClassifier(classes).fit(x, np.zeros(96, int)), "`y`: received .*two classes or more"),
        (lambda x, y: SKLearnClassifier(classes).fit(x, y), "Unknown label type"),
        (lambda x, y: SKLearnRegressor(line).fit(x, y).predict(x[:, :1]), "X has 1 features"),
        (lambda x, y: SKLearnRegressor(line).predict(x), "not fitted"),
    ],
)
def test_refused(plane, make, said):
    with pytest.raises(ValueError, match=said):
        make(*plane)
