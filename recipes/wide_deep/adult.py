"""Adult census data with a Wide & Deep network, whose parts have optimizers of their own, beside gradient boosting.

Data: Adult, 27,561 / 5,000 / 16,281 people of the 1994 census, 5 numerical and 7 categorical features, income > 50,000
Command: tensorsmith run wide_deep/adult

Comparison: tensorsmith compare wide_deep/adult --parallel 2

Search: tensorsmith tune wide_deep/adult --tuner bayesian --trials 15 --objective val_auc --parallel 2

`calibration.png` shows the calibration of the network and of gradient boosting, and `served.keras` maps the raw
columns. References: Cheng et al. (2016), McMahan et al. (2013) for FTRL.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.preprocessing import OrdinalEncoder

import tensorsmith.tuning as tune
from tensorsmith.core import replace_file
from tensorsmith.data import info, load, load_splits
from tensorsmith.data.preprocessing import Bucketize, Cross, FeatureModel, FeatureSpec, Lookup
from tensorsmith.optimizers import AdamW, MultiOptimizer
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.tfrecord import Feature, Schema
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    parts: Literal["wide_and_deep", "wide", "deep"] = "wide_and_deep"  # parts of the model
    units: tuple[PositiveInt, ...] = (128, 64)  # units of each hidden ReLU layer of the deep part
    embedding: PositiveInt = 8  # dimension of the embeddings of the deep part
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.6, default=0.3)  # dropout rate after each hidden layer
    wide_rate: PositiveFloat = tune.log_uniform(3e-3, 0.3, default=0.05)  # learning rate of FTRL for the wide part
    deep_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of AdamW for the deep part
    trees: PositiveInt = 100  # number of trees of gradient boosting
    epochs: PositiveInt = 12
    batch_size: PositiveInt = 128


SCORE = "test auc"
ANSWER = """The AUC is {score[wide_and_deep]} with both parts, {score[deep]} with the deep and {score[wide]} with the
wide part ({seeds} seeds). Gradient boosting has {run[boosting auc]}."""
SMOKE = {"epochs": 1, "units": (16,), "trees": 5}
VARIANTS = {parts: {"parts": parts} for parts in ("wide_and_deep", "wide", "deep")}
EXCLUDED = ("fnlwgt", "education")  # a sampling weight, and the names of the education levels
BOUNDARIES = {
    "age": (20.0, 23.0, 26.0, 29.0, 32.0, 35.0, 38.0, 42.0, 46.0, 50.0, 55.0, 60.0, 65.0),
    "educational-num": tuple(level - 0.5 for level in range(2, 17)),
    "hours-per-week": (20.0, 30.0, 40.0, 41.0, 50.0, 60.0),
    "capital-gain": (1.0, 2000.0, 3200.0, 4300.0, 5000.0, 6500.0, 7500.0, 10000.0, 20000.0),
    "capital-loss": (1.0, 1500.0, 1700.0, 1820.0, 1900.0, 2000.0, 2200.0, 2500.0),
}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Returns the adapted preprocessing of each part: bins, categories and crosses, or numbers and embeddings."""
    columns = info("adult").columns
    schema = Schema({name: Feature(column.dtype) for name, column in columns.items()})
    strings = [name for name, column in columns.items() if column.dtype == "string" and name not in EXCLUDED]
    bins = {name: Bucketize(boundaries=boundaries) for name, boundaries in BOUNDARIES.items()}
    crosses = {
        "education_and_occupation": Cross(("educational-num", "occupation"), bins=500),
        "age_and_education": Cross(("age", "educational-num"), bins=500),
        "relationship_and_hours": Cross(("relationship", "hours-per-week"), bins=100),
    }
    embedded: dict[str, Any] = {name: Lookup(embed=config.embedding) for name in strings}
    for name in ("capital-gain", "capital-loss"):  # in addition to the standardized numbers
        embedded[f"{name}_bin"] = Bucketize(boundaries=BOUNDARIES[name], feature=name, embed=config.embedding)
    choices = {"wide": {**bins, **crosses}, "deep": embedded}
    chosen = {part: each for part, each in choices.items() if part in config.parts}
    specs = {part: FeatureSpec(schema, each, exclude=EXCLUDED) for part, each in chosen.items()}
    dataset = load("adult").to_tf(batch_size=1024).map(lambda features, labels: features)
    for spec in specs.values():
        spec.adapt(dataset)
    return specs


def preprocess(specs: dict[str, FeatureSpec], columns: Any) -> dict[str, Any]:
    """Returns the preprocessed features of all parts, named by part and feature."""
    parts = {part: spec.preprocessing(columns) for part, spec in specs.items()}
    return {f"{part}_{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads the preprocessed features of each split, and labels, which are 1 for a high income."""
    data = {}
    for split, (columns, labels) in load_splits("adult").items():
        tensors = preprocess(prepared, {name: tf.constant(values) for name, values in columns.items()})
        data[split] = {name: tensor.numpy() for name, tensor in tensors.items()}, labels
    return data


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a model of preprocessed features, which returns the probability of a high income."""
    inputs, logits = {}, []
    for part, spec in prepared.items():
        own = {
            name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=f"{part}_{name}")
            for name, tensor in spec.encoder.input.items()
        }
        inputs |= {tensor.name: tensor for tensor in own.values()}
        x = spec.encoder(own)
        for units in config.units if part == "deep" else ():
            x = layers.Dense(units, "relu", kernel_initializer="he_normal")(x)
            x = layers.Dropout(config.dropout)(x)
        logits.append(layers.Dense(1, name=part)(x))
    total = layers.Add()(logits) if len(logits) > 1 else logits[0]
    return keras.Model(inputs, layers.Activation("sigmoid")(total))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, which updates the wide part with FTRL and the deep part with AdamW."""
    deep = AdamW(CosineDecay(config.deep_rate, "100%"), weight_decay=0.01)
    wide = keras.optimizers.Ftrl(config.wide_rate, l2_regularization_strength=1e-3)
    optimizers = {"wide": (wide, "^wide/"), "deep": (deep, "^(?!wide/)")}
    return Trainer(
        build_model(config, prepared),
        optimizer=MultiOptimizer([pair for part, pair in optimizers.items() if part in config.parts]),
        loss="binary_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns scores of the network and of gradient boosting, plots their calibration and saves a model for serving."""
    inputs = next(iter(run.prepared.values())).inputs()
    with replace_file(run.folder / "served.keras") as draft:
        FeatureModel(inputs, trainer.model(preprocess(run.prepared, inputs))).save(draft)
    features, labels = data["test"]
    probabilities = {"test": trainer.predict(features)[:, 0], "boosting": boosting(config.trees)}
    plot_calibration(probabilities, labels, run.folder / "calibration.png")
    return {name: scores_of(each, labels) for name, each in probabilities.items()}


def scores_of(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns the exact area under the ROC curve, and the Brier score, a squared error."""
    return {
        "auc": float(roc_auc_score(labels, probabilities)),
        "brier_score_loss": float(brier_score_loss(labels, probabilities)),
    }


def boosting(trees: int) -> np.ndarray:
    """Returns the probabilities of scikit-learn's gradient boosting for the test set."""
    splits = load_splits("adult")
    columns = [name for name in splits["train"][0] if name not in EXCLUDED]
    strings = [name for name in columns if splits["train"][0][name].dtype == object]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    encoder.fit(np.column_stack([splits["train"][0][name] for name in strings]))

    def matrix(split: str) -> np.ndarray:
        features, _ = splits[split]
        numbers = [features[name] for name in columns if name not in strings]
        return np.column_stack([encoder.transform(np.column_stack([features[name] for name in strings])), *numbers])

    model = HistGradientBoostingClassifier(max_iter=trees, categorical_features=range(len(strings)), random_state=0)
    return model.fit(matrix("train"), splits["train"][1]).predict_proba(matrix("test"))[:, 1]


def plot_calibration(probabilities: dict[str, np.ndarray], labels: np.ndarray, path: Path) -> None:
    """Plots the fraction of high incomes against the predicted probability, in 10 equally frequent bins."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", label="perfect calibration")
    for name, each in zip(("network", "boosting"), probabilities.values(), strict=True):
        fraction, mean = calibration_curve(labels, each, n_bins=10, strategy="quantile")
        axes.plot(mean, fraction, "o-", label=name)
    axes.set(xlabel="predicted probability", ylabel="fraction of high incomes")
    axes.legend()
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120)


if __name__ == "__main__":
    run_script(__file__)
