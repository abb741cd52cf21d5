"""How much do pretrained layers and fine-tuning improve a classifier of 300 photographs?

Data: 436 stamps of Tux Paint of 160x160 pixels, in five folds of which the seed chooses one as test set (GPL-2)
Command: tensorsmith run transfer/photos_compared

Comparison: tensorsmith compare transfer/photos_compared --seeds 5

`scratch` is a small convolutional network for images of 80 x 80 pixels. `frozen` trains a new classifier of the
features of EfficientNet-Lite0, and `fine_tuned` trains its upper layers as well, in the second half (see
transfer/photos). All of them use class weights, and average the probabilities of an image and its mirror image. The
seeds 0 to 4 are a five-fold cross-validation.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import layers
from sklearn.model_selection import StratifiedKFold

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits, weights
from tensorsmith.models import efficientnet_lite0
from tensorsmith.optimizers import AdamW, MultiOptimizer
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, PiecewiseConstant
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    method: Literal["scratch", "frozen", "fine_tuned"] = "fine_tuned"  # see above
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of AdamW, decays to 0
    fine_tuning_rate: PositiveFloat = 3e-5  # learning rate of the upper layers, in the second half
    dropout: ClosedUnitInterval = 0.3  # dropout rate before the classifier
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 32
    examples: PositiveInt = 436  # number of images, of all folds


SCORE = "test accuracy"
SMOKE = {"method": "scratch", "epochs": 2, "examples": 200, "batch_size": 12, "jit": False}
ANSWER = """Pretrained layers gain {gain[frozen]} in accuracy over a network that is trained from scratch, and
{gain[fine_tuned]} if they are fine-tuned ({ranking}; {seeds} folds)."""
VARIANTS = {name: {"method": name} for name in ("scratch", "frozen", "fine_tuned")}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Computes features of the frozen layers, or small images, each with those of the mirror images."""
    splits = load_splits("tux_paint_stamps").values()
    images, labels = (np.concatenate(parts)[: config.examples] for parts in zip(*splits, strict=True))
    both = np.stack([images, images[:, :, ::-1]], axis=1)  # (n, 2, 160, 160, 3)
    if config.method == "scratch":
        return {"inputs": both.reshape(-1, 2, 80, 2, 80, 2, 3).mean(axis=(3, 5)), "labels": labels}
    network = backbone()
    lower = keras.Model(network.input, network.output["stride_16"])
    features = [lower.predict((255 * both[:, each] - 127) / 128, verbose=0) for each in range(2)]
    return {"inputs": np.stack(features, axis=1), "labels": labels}


def backbone() -> keras.Model:
    """Returns the feature maps of EfficientNet-Lite0, trained on ImageNet."""
    return efficientnet_lite0((160, 160, 3), classes=None, weights=weights("efficientnet_lite0"))


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Returns inputs, labels and, for training, weights. Validation data are a tenth of the other folds."""
    labels = prepared["labels"]
    rest, test = list(StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels))[config.seed % 5]
    parts = {"train": np.delete(rest, np.s_[::10]), "validation": rest[::10], "test": test}
    data: dict[str, Any] = {split: (prepared["inputs"][part], labels[part]) for split, part in parts.items()}
    counts = np.bincount(labels[parts["train"]], minlength=8)
    class_weights = 1 / counts[labels[parts["train"]]]
    return {**data, "train": (*data["train"], class_weights / class_weights.mean())}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a network, and a classifier whose probabilities are means over both images."""
    if config.method == "scratch":
        network = keras.Sequential([keras.Input((80, 80, 3))])
        for filters in (16, 32, 64, 128):
            network.add(layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"))
            network.add(layers.BatchNormalization())
            network.add(layers.ReLU())
            network.add(layers.MaxPooling2D())
    else:
        features = backbone()
        network = keras.Model(features.output["stride_16"], features.output["stride_32"])
        for layer in network.layers:
            layer.trainable = not isinstance(layer, layers.BatchNormalization)
    inputs = keras.Input(prepared["inputs"].shape[1:])
    x = layers.TimeDistributed(keras.Sequential([network, layers.GlobalAveragePooling2D()]))(inputs)
    x = layers.Dense(8, "softmax")(layers.Dropout(config.dropout)(x))
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with separate learning rates of network and classifier."""
    model = build_model(config, prepared)
    rate = CosineDecay(config.learning_rate, "100%")
    upper = {
        "scratch": rate,
        "frozen": 0.0,
        "fine_tuned": PiecewiseConstant(["50%"], [0.0, config.fine_tuning_rate]),
    }[config.method]
    network, classifier = (layer for layer in model.layers if layer.weights)
    pairs = [(AdamW(upper, weight_decay=0.01), [network]), (AdamW(rate, weight_decay=0.01), [classifier])]
    return Trainer(model, MultiOptimizer(pairs), "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
