"""Callback that saves images which a generative model generates in the course of training."""

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from tensorsmith.core import Verbatim, check, is_integer, is_number, replace_file
from tensorsmith.core.types import Logs, TensorLike

MILLISECONDS = 400  # of each image in the animation


class SampleGrid(keras.callbacks.Callback):
    """Saves a grid of generated images after every few epochs, and an animation of all grids after training.

    The files are `epoch-001.png`, ..., and `animation.gif`. A resumed run continues the animation. To see the progress
    of training, generate all grids from the same codes.

    Args:
        generate: Function that takes the model and returns images of shape `(n, height, width)`, or `(n, height,
            width, channels)` with 1 or 3 channels.
        folder: Folder for the files, which is created if it does not exist.
        columns: Number of images in a row of the grid.
        epochs: Number of epochs between grids.
        value_range: Values of black and white pixels, such as `(-1, 1)`. `(1, -1)` inverts the images.
        scale: Integer by which the height and width of the images are multiplied.

    Raises:
        ValueError: If an argument is invalid, or the images have another shape.

    Example:
        >>> import keras, numpy as np, tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(64), keras.layers.Reshape((8, 8))])
        >>> codes = keras.random.normal((6, 4), seed=0)
        >>> grid = SampleGrid(lambda model: model(codes), folder, columns=3)
        >>> generator.compile("sgd", "mse")
        >>> history = generator.fit(codes, np.zeros((6, 8, 8)), epochs=2, callbacks=[grid], verbose=0)
        >>> sorted(path.name for path in folder.iterdir())
        ['animation.gif', 'epoch-001.png', 'epoch-002.png']
    """

    def __init__(
        self,
        generate: Callable[[keras.Model], TensorLike],
        folder: str | os.PathLike[str],
        columns: int = 10,
        epochs: int = 1,
        value_range: tuple[float, float] = (0.0, 1.0),
        scale: int = 3,
    ) -> None:
        super().__init__()
        for name, value in (("columns", columns), ("epochs", epochs), ("scale", scale)):
            check(is_integer(value) and value > 0, name, value, "a positive integer")
        valid = len(value_range) == 2 and all(map(is_number, value_range)) and value_range[0] != value_range[1]
        check(valid, "value_range", value_range, "two different numbers, the values of black and white")
        self._generate = generate
        self._folder = Path(folder)
        self._columns = columns
        self._epochs = epochs
        self._value_range = value_range
        self._scale = scale

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves a grid if it is due."""
        if (epoch + 1) % self._epochs == 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replace_file(self._folder / f"epoch-{epoch + 1:03}.png") as draft:
                Image.fromarray(self._grid()).save(draft, format="png")

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Saves the animation."""
        grids = []
        for path in sorted(self._folder.glob("epoch-*.png")):
            with Image.open(path) as image:
                grids.append(image.copy())
        if grids:
            with replace_file(self._folder / "animation.gif") as draft:
                options = {"save_all": True, "append_images": grids[1:], "duration": MILLISECONDS, "loop": 0}
                grids[0].save(draft, format="gif", **options)

    def _grid(self) -> np.ndarray:
        """Returns the images of a grid as one array of type `uint8`."""
        images = keras.ops.convert_to_numpy(self._generate(self.model)).astype("float32")
        images = images[..., None] if images.ndim == 3 else images
        valid = images.ndim == 4 and len(images) > 0 and images.shape[-1] in (1, 3)
        expected = "a function that returns images of shape (n, height, width) or (n, height, width, 1 or 3)"
        check(valid, "generate", Verbatim(f"a function that returns shape {images.shape}"), expected)
        black, white = self._value_range
        images = np.clip((images - black) / (white - black), 0, 1)
        count, height, width, channels = images.shape
        rows = -(-count // self._columns)
        # The last row is filled up with white images.
        images = np.concatenate([images, np.ones((rows * self._columns - count, *images.shape[1:]), "float32")])
        images = images.reshape(rows, self._columns, height, width, channels).swapaxes(1, 2)
        grid = images.reshape(rows * height, self._columns * width, channels)
        large = np.round(255 * grid).astype("uint8").repeat(self._scale, axis=0).repeat(self._scale, axis=1)
        return large[..., 0] if channels == 1 else large
