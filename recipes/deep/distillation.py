"""How much does a small network on Fashion-MNIST gain if it learns from the probabilities of a large one?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/distillation

Comparison: tensorsmith compare deep/distillation --parallel 2

Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015. The student has 15,910 parameters.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.losses import SparseCategoricalCrossentropy
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    learns_from: Literal["labels", "teacher", "both"] = "both"  # targets of the student
    temperature: PositiveFloat = tune.log_uniform(1.0, 10.0, default=3.0)  # divisor of the logits of both networks
    student_units: PositiveInt = 20  # units of the hidden layer of the student
    teacher_units: tuple[PositiveInt, ...] = (500, 300)  # units of each hidden layer of the teacher
    teacher_epochs: PositiveInt = 15  # passes of the teacher over the training set
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 1e-2, default=3e-3
    )  # initial learning rate of AdamW, with cosine decay to 0
    epochs: PositiveInt = 30
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """Nothing: the gain in accuracy over labels is {gain[both]} if it learns from both, and {gain[teacher]} from
the probabilities alone ({seeds} seeds). The teachers have an accuracy of {column[both/test teacher_accuracy]}."""
SMOKE = {"teacher_epochs": 1, "epochs": 1, "train_size": 640}
VARIANTS = {name: {"learns_from": name} for name in ("labels", "teacher", "both")}
COLUMNS = ("test teacher_accuracy",)


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the teacher, and returns its logits for the images of each split."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    teacher = build_teacher(config)
    run.train("teacher", teacher, splits, epochs=config.teacher_epochs)
    return {split: teacher.predict(images, batch_size=1000) for split, (images, _) in splits.items()}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1], labels, and the probabilities of the teacher."""
    data = {}
    for split, (images, labels) in load_splits("fashion_mnist", train_size=config.train_size).items():
        soft = keras.ops.softmax(prepared[split] / config.temperature)
        data[split] = images, {"label": labels, "soft": keras.ops.convert_to_numpy(soft)}
    return data


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds the student, whose outputs are probabilities (`label`) and those of divided logits (`soft`)."""
    images = keras.Input((28, 28))
    hidden = layers.Dense(config.student_units, "relu", kernel_initializer="he_normal")(layers.Flatten()(images))
    logits = layers.Dense(10)(hidden)
    soft = layers.Rescaling(1 / config.temperature)(logits)
    outputs = {"label": layers.Softmax(name="label")(logits), "soft": layers.Softmax(name="soft")(soft)}
    return keras.Model(images, outputs)


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer of the student, which minimizes the cross-entropy and the divergence from the teacher."""
    weight = {"labels": 0.0, "both": 0.5, "teacher": 1.0}[config.learns_from]
    return Trainer(
        build_model(config, prepared),
        optimizer=AdamW(CosineDecay(config.learning_rate, "100%")),
        loss={"label": "sparse_categorical_crossentropy", "soft": "kl_divergence"},
        loss_weights={"label": 1 - weight, "soft": weight * config.temperature**2},
        metrics={"label": ["accuracy"]},
        jit=config.jit,
    )


def build_teacher(config: Config) -> Trainer:
    """Builds a trainer of the teacher, a network with dropout and logits as outputs."""
    teacher = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    for units in config.teacher_units:
        teacher.add(layers.Dense(units, "relu", kernel_initializer="he_normal"))
        teacher.add(layers.Dropout(0.3))
    teacher.add(layers.Dense(10))
    loss = SparseCategoricalCrossentropy(from_logits=True)
    return Trainer(teacher, AdamW(CosineDecay(1e-3, "100%")), loss, metrics=["accuracy"], jit=False)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the accuracies of the student and of the teacher, whose probabilities are among the targets."""
    scores: dict[str, Any] = {}
    for split in ("validation", "test"):
        images, targets = data[split]
        guesses = trainer.predict(images, batch_size=1000)["label"].argmax(axis=1)
        scores[split] = {
            "accuracy": float(np.mean(guesses == targets["label"])),
            "teacher_accuracy": float(np.mean(targets["soft"].argmax(axis=1) == targets["label"])),
        }
    return scores


def model_to_save(trainer: Trainer) -> keras.Model:
    """Returns the student with probabilities as its only output."""
    return keras.Model(trainer.model.inputs, trainer.model.output["label"])


if __name__ == "__main__":
    run_script(__file__)
