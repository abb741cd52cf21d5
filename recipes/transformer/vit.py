"""Fashion-MNIST with a small Vision Transformer, which reads an image as a sequence of patches.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run transformer/vit

An image is divided into 7 x 7 patches of 4 x 4 pixels (Dosovitskiy et al., 2021). The model has about as many
parameters as the convolutional network of `cnn/fashion_mnist`, which knows that adjacent pixels belong together. This
model learns it from the positions. Half of the training images are mirrored, other ones in each epoch.
"""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import info, load_splits
from tensorsmith.data.pipelines import map_with_seed
from tensorsmith.image import augment
from tensorsmith.models import vit
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    patch_size: PositiveInt = 4  # height and width of the patches in pixels, a divisor of 28
    width: PositiveFloat = 0.375  # factor of the 192 features of the smallest published model
    blocks: PositiveInt = 6  # number of Transformer blocks
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.3, default=0.0)  # dropout rate of embeddings and in each block
    learning_rate: PositiveFloat = tune.log_uniform(5e-4, 5e-3, default=2e-3)  # peak rate of AdamW, decays to 0
    data: str = "fashion_mnist"  # data set of images, or path of a folder with a subfolder for each class
    epochs: PositiveInt = 15
    batch_size: PositiveInt = 64
    train_size: PositiveInt | None = None  # number of training examples; null for all of them


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "train_size": 640, "patch_size": 7, "width": 0.125, "blocks": 1}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1] and labels, which are 0 to 9 by default."""
    data = load_splits(config.data, train_size=config.train_size, image_shape=(28, 28, 1))
    flip = augment.random_flip()
    flipped = map_with_seed(lambda seed, images, labels: (flip(seed, images), labels), seed=config.seed)
    examples = tf.data.Dataset.from_tensor_slices(data["train"]).shuffle(len(data["train"][0]), seed=config.seed)
    data["train"] = examples.batch(config.batch_size, drop_remainder=True).apply(flipped).prefetch(tf.data.AUTOTUNE)
    return data


def build_model(config: Config) -> keras.Model:
    """Builds a Vision Transformer."""
    classes = len(info(config.data).class_names)
    options = {"patch_size": config.patch_size, "blocks": config.blocks, "dropout": config.dropout}
    return vit("tiny", (28, 28, 1), classes, config.width, **options)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with warm-up, cosine decay and a clipped gradient."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "95%"), "5%"), weight_decay=0.05, global_clipnorm=1.0)
    loss = "sparse_categorical_crossentropy"
    return Trainer(build_model(config), optimizer, loss, ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
