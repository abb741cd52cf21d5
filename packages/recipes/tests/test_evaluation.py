"""Tests of reports by class and of residuals against scikit-learn, and of their figures."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, r2_score

from tensorsmith.recipes.evaluation import ClassReport, Residuals, assess
from tensorsmith.recipes.evaluation_figure import COUNTED, NAMED, plot_report
from tensorsmith.training import Trainer

X = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 60)  # of four classes


def trainer(units, activation=None, loss="mse"):
    """Returns a trainer of an untrained model."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
    return Trainer(model, "sgd", loss, jit=False)


@pytest.mark.parametrize("form", ["labels", "column", "one-hot", "dataset", "py_dataset"])
def test_class_report_matches_scikit_learn(form):
    """Class 3 has no examples, and is predicted nevertheless."""
    classifier = trainer(4, "softmax", "sparse_categorical_crossentropy")
    predicted = classifier.predict(X).argmax(axis=1)
    data = {
        "labels": (X, LABELS),
        "column": (X, LABELS[:, None], np.ones(60)),
        "one-hot": (X, np.eye(4)[LABELS]),
        "dataset": tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(7),
        "py_dataset": Halves(),
    }[form]
    report = assess(classifier, data, ("a", "b", "c", "d"))
    assert report.names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(report.confusion, confusion_matrix(LABELS, predicted, labels=range(4)))
    expected = precision_recall_fscore_support(LABELS, predicted, labels=range(4), zero_division=0)
    for values, wanted in zip((report.precision, report.recall, report.f1, report.support), expected, strict=True):
        np.testing.assert_allclose(values, wanted)
    assert report.accuracy == pytest.approx(np.mean(predicted == LABELS))


class Halves(keras.utils.PyDataset):
    """Two batches."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[index * 30 : index * 30 + 30], LABELS[index * 30 : index * 30 + 30]


@pytest.mark.parametrize("logits", [True, False])
def test_binary_classifier(logits):
    labels = (X[:, 0] > 0).astype(int)
    model = trainer(1, None if logits else "sigmoid", keras.losses.BinaryCrossentropy(from_logits=logits))
    report = assess(model, (X, labels), ())
    predicted = model.predict(X)[:, 0] > (0 if logits else 0.5)
    np.testing.assert_array_equal(report.confusion, confusion_matrix(labels, predicted))
    assert report.names == ("0", "1")


def test_residuals_match_scikit_learn():
    y = X.sum(axis=1) + 3
    model = trainer(1)
    residuals = assess(model, (X, y), ("not", "used"))
    np.testing.assert_allclose(residuals.errors, model.predict(X)[:, 0] - y, rtol=1e-6)
    assert residuals.r2 == pytest.approx(r2_score(y, model.predict(X)[:, 0]))
    assert np.isnan(Residuals(np.ones(3), np.ones(3)).r2)


@pytest.mark.parametrize("y", [X[:, :3], X, np.zeros((60, 5, 5)), None, {"a": X[:, 0], "b": X[:, 0]}])
def test_other_targets_have_no_report(y):
    assert assess(trainer(4), (X, y), ()) is None


def test_class_names_that_the_font_lacks(tmp_path, recwarn):
    names = ("\x1b[31mred\x07", "衣服", "a\nb", "\u202egnp")
    plot_report(ClassReport(names, np.eye(4, dtype=int)), "recipe, test", tmp_path / "figure.png")
    assert [str(warning.message) for warning in recwarn] == []
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("classes", [2, COUNTED, COUNTED + 1, 3 * NAMED])
def test_confusion_matrix_is_readable(tmp_path, monkeypatch, classes):
    """The names at an axis do not overlap. Counts are written into the cells if there is space for them."""
    figures = []
    save = "matplotlib.figure.Figure.savefig"
    monkeypatch.setattr(save, lambda figure, path, **_: (figures.append(figure), figure.draw_without_rendering()))
    names = tuple(f"the long name of class $ {number}" for number in range(classes))
    plot_report(ClassReport(names, np.eye(classes, dtype=int) * 1000), "recipe, test", tmp_path / "figure.png")
    panel = figures[0].axes[0]
    boxes = [label.get_window_extent() for label in panel.get_yticklabels()]
    assert len(boxes) <= NAMED
    assert all(upper.y0 > lower.y1 - 1 for upper, lower in itertools.pairwise(boxes))
    assert len(panel.texts) == (classes if classes <= COUNTED else 0)
    assert all(label.get_text().endswith("…") for label in panel.get_xticklabels())
