"""Perceptron learning rule on iris flowers, beside logistic regression, and its failure on XOR.

Data: petal length and width of 105 / 15 / 30 iris flowers, bundled with scikit-learn
Command: tensorsmith run perceptron/iris
Figure: decision_boundary.png

The rule of Rosenblatt (1957) changes the weights only for examples that are misclassified, including examples on the
decision boundary, as in scikit-learn. It converges if the classes are linearly separable. On XOR, the weights after an
epoch return to earlier values, so that they repeat forever. `decision_boundary.png` in the run folder shows the
boundaries of the perceptron and of logistic regression, which also predicts probabilities, such as that of a flower
with petals of 2 cm by 0.5 cm. With `--species virginica`, the classes are not linearly separable.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

from tensorsmith.core import replace_file
from tensorsmith.data import info, load_splits
from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores

FLOWER = np.array([[2.0, 0.5]])  # petal length and width of a new flower, in cm
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([-1, 1, 1, -1])


@dataclass(frozen=True)
class Config(Settings):
    species: Literal["setosa", "versicolor", "virginica"] = "setosa"  # species to distinguish from the other two
    learning_rate: PositiveFloat = 1.0  # factor of each change of the weights
    epochs: PositiveInt = 20  # passes over the training set
    xor_epochs: PositiveInt = 100  # passes over the four examples of XOR


SCORE = "test accuracy"
SMOKE = {"epochs": 3}


def learn(
    weights: np.ndarray, features: np.ndarray, signs: np.ndarray, order: Iterable[int], learning_rate: float
) -> tuple[np.ndarray, int]:
    """Applies the perceptron learning rule to each example in the given order.

    Args:
        weights: Weights of the features, followed by the bias.
        features: Features of shape (examples, features).
        signs: Labels, 1 for the class to detect and -1 for the others.
        order: Indices of the examples.
        learning_rate: Factor of each change of the weights.

    Returns:
        The new weights, and the number of examples that were misclassified.
    """
    weights, mistakes = weights.copy(), 0
    for index in order:
        x, sign = features[index], signs[index]
        if sign * (x @ weights[:-1] + weights[-1]) <= 0:
            weights += learning_rate * sign * np.append(x, 1.0)
            mistakes += 1
    return weights, mistakes


def accuracy_of(weights: np.ndarray, features: np.ndarray, signs: np.ndarray) -> float:
    """Returns the fraction of examples that are classified correctly."""
    return float(np.mean(np.where(features @ weights[:-1] + weights[-1] > 0, 1, -1) == signs))


def learn_xor(epochs: int) -> dict[str, float]:
    """Returns the best accuracy on XOR, and the period in epochs with which the weights repeat (0 if they do not)."""
    features, signs = XOR
    history, best = [np.zeros(3)], 0.0
    for _ in range(epochs):
        history.append(learn(history[-1], features, signs, range(4), 1.0)[0])
        best = max(best, accuracy_of(history[-1], features, signs))
    *earlier, last = history
    repeated = [number for number, weights in enumerate(earlier) if np.array_equal(weights, last)]
    return {"accuracy": best, "repetition_period": float(epochs - repeated[-1] if repeated else 0)}


def train(config: Config, run: ProcedureRun) -> Scores:
    """Trains a perceptron and a logistic regression, and returns their scores."""
    number = info("iris").class_names.index(config.species)
    splits = {
        split: (features[:, 2:].astype(np.float64), np.where(labels == number, 1, -1))
        for split, (features, labels) in load_splits("iris").items()
    }
    features, signs = splits["train"]
    weights = np.zeros(3)
    run.track(weights=weights)
    while run.epoch < config.epochs:
        order = np.random.default_rng([run.seed, run.epoch]).permutation(len(signs))
        weights[:], mistakes = learn(weights, features, signs, order, config.learning_rate)
        scores = {"accuracy": accuracy_of(weights, *splits["train"])}
        scores["val_accuracy"] = accuracy_of(weights, *splits["validation"])
        run.end_epoch({**scores, "mistakes": mistakes})
    logistic = LogisticRegression(C=1e3).fit(features, signs)
    logistic_weights = np.append(logistic.coef_, logistic.intercept_)
    plot_boundaries({"perceptron": weights, "logistic regression": logistic_weights}, features, signs, run.folder)
    return {
        **{
            split: {
                "accuracy": accuracy_of(weights, *splits[split]),
                "logistic_accuracy": float(logistic.score(*splits[split])),
            }
            for split in ("validation", "test")
        },
        "flower": {
            "perceptron": float(FLOWER[0] @ weights[:-1] + weights[-1] > 0),
            "logistic_probability": float(logistic.predict_proba(FLOWER)[0, 1]),
        },
        "xor": learn_xor(config.xor_epochs),
    }


def plot_boundaries(lines: dict[str, np.ndarray], features: np.ndarray, signs: np.ndarray, folder: Path) -> None:
    """Plots the training examples and the decision boundaries of linear classifiers."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for sign, marker, label in ((1, "o", "species"), (-1, "^", "other species")):
        axes.plot(*features[signs == sign].T, marker, label=label)
    axes.plot(*FLOWER[0], "k*", label="new flower")
    grid = np.meshgrid(np.linspace(0, 7.5, 200), np.linspace(0, 3, 200))
    for (name, (length, width, bias)), color in zip(lines.items(), ("black", "gray"), strict=True):
        axes.contour(*grid, length * grid[0] + width * grid[1] + bias, levels=[0], colors=color)
        axes.plot([], [], color=color, label=name)
    axes.set(xlabel="petal length (cm)", ylabel="petal width (cm)")
    axes.legend()
    with replace_file(folder / "decision_boundary.png") as draft:
        figure.savefig(draft, dpi=120)


if __name__ == "__main__":
    run_script(__file__)
