"""Style transfer: an image with the content of one photograph and the textures of another.

Data: two sample photographs (CC0, CC-BY-2.0), convolutions of VGG16 (MIT)
Command: tensorsmith run vision/style_transfer
Figure: images.png

The pixels of an image are optimized so that its features resemble those of the content, and the correlations of its
features those of the style (Gatys et al., 2016). The weights of VGG16 were fine-tuned for edge detection. The score is
the style loss relative to that of the content image.
"""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt
from matplotlib.figure import Figure

from tensorsmith.core import replace_file
from tensorsmith.core.types import Tensor
from tensorsmith.data import sample_photographs, weights
from tensorsmith.models import vgg
from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores

Name = Literal["astronaut", "chelsea", "china", "coffee", "flower", "rocket"]


@dataclass(frozen=True)
class Config(Settings):
    content: Name = "chelsea"  # photograph whose content is kept
    style: Name = "flower"  # photograph whose textures are used
    side: PositiveInt = 160  # height and width of the image
    content_weight: NonNegativeFloat = 0.02  # weight of the content loss
    learning_rate: PositiveFloat = 4.0  # learning rate of Adam, in gray levels
    epochs: PositiveInt = 10  # parts of the optimization, each followed by a checkpoint
    steps: PositiveInt = 15  # steps per epoch


SCORE = "test style_loss"
SMOKE = {"side": 32, "epochs": 4, "steps": 5}
CONTENT_LAYER = "block4_conv2"
STYLE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1")
MEAN = (122.67892, 116.66877, 104.00699)  # of red, green and blue in the training images of VGG16


def photograph(name: str, side: int) -> Tensor:
    """Returns the central square of a photograph, of shape (1, side, side, 3), with values of 0 to 255."""
    image = sample_photographs()[name]
    height, width, _ = image.shape
    square = tf.image.resize_with_crop_or_pad(image, min(height, width), min(height, width))
    return tf.image.resize(square, (side, side), antialias=True)[None]


def feature_model(side: int) -> keras.Model:
    """Returns a model that maps images to the features of the layers of content and style."""
    network = vgg("16", (side, side, 3), classes=None)
    for name, values in weights("hed_vgg16").items():
        layer, _, variable = name.partition("/")
        getattr(network.get_layer(layer), variable).assign(values)
    outputs = {name: network.get_layer(name).output for name in (CONTENT_LAYER, *STYLE_LAYERS)}
    return keras.Model(network.input, outputs)


def correlations(features: Tensor) -> Tensor:
    """Returns the mean products of all pairs of channels (Gram matrix), of shape (1, channels, channels)."""
    positions = tf.cast(tf.reduce_prod(tf.shape(features)[1:3]), tf.float32)
    return tf.einsum("bhwi,bhwj->bij", features, features) / positions


def train(config: Config, run: ProcedureRun) -> Scores:
    """Optimizes the image, and returns its style loss and its content loss."""
    network, side = feature_model(config.side), config.side
    content, style = photograph(config.content, side), photograph(config.style, side)
    image = tf.Variable(content)
    optimizer = keras.optimizers.Adam(config.learning_rate)
    optimizer.build([image])
    run.track(image=image, optimizer=optimizer)

    def features(pixels: Tensor) -> dict[str, Tensor]:
        return network((pixels - MEAN)[..., ::-1], training=False)  # in the order blue, green, red

    wanted = features(content)[CONTENT_LAYER]
    style_features = features(style)
    textures = {name: correlations(style_features[name]) for name in STYLE_LAYERS}

    def losses(pixels: Tensor) -> tuple[Tensor, Tensor]:
        found = features(pixels)
        differences = [
            tf.reduce_mean((correlations(found[name]) - textures[name]) ** 2) / tf.reduce_mean(textures[name] ** 2)
            for name in STYLE_LAYERS
        ]
        change = tf.reduce_mean((found[CONTENT_LAYER] - wanted) ** 2) / tf.reduce_mean(wanted**2)
        return tf.add_n(differences) / len(differences), change

    @tf.function
    def epoch() -> tuple[Tensor, Tensor]:
        of_style = of_content = tf.constant(0.0)
        for _ in tf.range(config.steps):
            with tf.GradientTape() as tape:
                of_style, of_content = losses(image)
                loss = of_style + config.content_weight * of_content
            optimizer.apply([tape.gradient(loss, image)], [image])
            image.assign(tf.clip_by_value(image, 0.0, 255.0))
        return of_style, of_content

    while run.epoch < config.epochs:
        of_style, of_content = epoch()
        run.end_epoch({"style_loss": float(of_style), "content_loss": float(of_content)})
    of_style, of_content = (float(loss) for loss in losses(image))
    plot({config.content: content, config.style: style, "result": image.value()}, run)
    return {"test": {"style_loss": of_style / float(losses(content)[0]), "content_loss": of_content}}


def plot(images: dict[str, Tensor], run: ProcedureRun) -> None:
    """Draws the content, the style and the result."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for panel, (name, pixels) in zip(figure.subplots(1, len(images)), images.items(), strict=True):
        panel.imshow(np.asarray(pixels[0]).astype("uint8"))
        panel.set_title(name)
        panel.set_axis_off()
    with replace_file(run.folder / "images.png") as draft:
        figure.savefig(draft, dpi=100)


if __name__ == "__main__":
    run_script(__file__)
