"""Drawing of boxes and detections with Pillow."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tensorsmith.core import Verbatim, check, is_integer, is_number
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import array_of_numbers

# The colors of Matplotlib's "tab10", which can be told apart, without gray.
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#17becf")


def draw(
    image: TensorLike,
    boxes: TensorLike,
    labels: Sequence[str] = (),
    classes: Sequence[int] = (),
    width: int = 2,
    scale: int = 1,
) -> np.ndarray:
    """Return an image with boxes and their labels.

    Args:
        image: uint8 array of shape `(height, width)`, `(height, width, 1)` or `(height, width, 3)`.
        boxes: Boxes of shape `(n, 4)` with the coordinates x_min, y_min, x_max and y_max in pixels. Boxes without area
            are not drawn.
        labels: String for each box, drawn above it.
        classes: Number for each box. Boxes of a class have the same color. Defaults to a color for each box.
        width: Width of the lines in pixels.
        scale: Factor by which the image is magnified before boxes and labels are drawn, for small images.

    Returns:
        A uint8 array of shape `(scale * height, scale * width, 3)`.

    Raises:
        ValueError: If the shape or dtype of the image, the shape of the boxes, or the labels, the classes, the
            width or the scale are invalid.

    Example:
        >>> import numpy as np
        >>> from tensorsmith.image import boxes
        >>> image = boxes.draw(np.zeros((20, 30), np.uint8), [[5, 5, 25, 15]], classes=[1])
        >>> image.shape, image[5, 10].tolist()
        ((20, 30, 3), [255, 127, 14])
    """
    pixels, corners = array_of_numbers("image", image), array_of_numbers("boxes", boxes).astype(np.float64)
    corners = corners.reshape(-1, 4) if corners.size == 0 else corners  # also an empty list
    valid = pixels.dtype == np.uint8 and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in (1, 3)))
    received = Verbatim(f"{pixels.dtype} of shape {pixels.shape}")
    check(valid, "image", received, "uint8 of shape (height, width), (height, width, 1) or (height, width, 3)")
    check(corners.ndim == 2 and corners.shape[1] == 4, "boxes", Verbatim(f"shape {corners.shape}"), "have shape (n, 4)")
    strings = isinstance(labels, Sequence | np.ndarray) and all(isinstance(label, str) for label in labels)
    check(strings and not isinstance(labels, str), "labels", labels, "a sequence of strings, which may be empty")
    numbers = array_of_numbers("classes", classes)
    integers = numbers.ndim == 1 and bool((numbers % 1 == 0).all())
    check(integers, "classes", classes, "a sequence of integers, which may be empty")
    for name, number in (("width", width), ("scale", scale)):
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    for name, values in (("labels", labels), ("classes", numbers)):
        check(
            len(values) in (0, len(corners)),
            name,
            Verbatim(f"{len(values)} values"),
            f"one for each of {len(corners)} boxes",
        )
    drawn = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels).convert("RGB")
    drawn = drawn.resize((scale * drawn.width, scale * drawn.height), Image.Resampling.NEAREST)
    canvas, font = ImageDraw.Draw(drawn), ImageFont.load_default()
    for number, (x_min, y_min, x_max, y_max) in enumerate(scale * corners):
        if not (x_max > x_min and y_max > y_min):  # also for NaN
            continue
        color = COLORS[int(numbers[number] if len(numbers) else number) % len(COLORS)]
        # The last pixel of a box is the one before its maximum.
        canvas.rectangle((x_min, y_min, max(x_max - 1, x_min), max(y_max - 1, y_min)), outline=color, width=width)
        if len(labels):
            *_, right, bottom = font.getbbox(labels[number])
            y = max(y_min - bottom - 2, 0)
            canvas.rectangle((x_min, y, x_min + right + 2, y + bottom + 2), fill=color)
            canvas.text((x_min + 1, y + 1), labels[number], fill="white", font=font)
    return np.asarray(drawn)


def draw_detections(
    images: TensorLike,
    detections: TensorLike,
    names: Sequence[str] = (),
    score_threshold: float = 0.5,
    columns: int = 4,
    scale: int = 1,
) -> np.ndarray:
    """Return a grid of images with the detections of each.

    Args:
        images: uint8 array of shape `(batch, height, width, channels)`, with 1 or 3 channels.
        detections: Detections of each image, of shape `(batch, n, 6)`, in the format of `select_detections`.
        names: Names of the classes, for labels. If empty, boxes have no labels, and the color of their class.
        score_threshold: Detections with this score or a lower one are not drawn.
        columns: Number of images in a row. The last row is filled up with white.
        scale: Factor by which images are magnified.

    Returns:
        A uint8 array of shape `(rows * scale * height, columns * scale * width, 3)`.

    Raises:
        ValueError: If an argument is invalid, or a class has no name.

    Example:
        >>> import numpy as np
        >>> from tensorsmith.image import boxes
        >>> found = np.array([[[2, 2, 8, 8, 0, 0.9]]] * 3)
        >>> boxes.draw_detections(np.zeros((3, 10, 20, 1), np.uint8), found, ["shirt"], columns=2, scale=2).shape
        (40, 80, 3)
    """
    pixels, rows = array_of_numbers("images", images), array_of_numbers("detections", detections)
    shape, expected = Verbatim(f"shape {pixels.shape}"), "have shape (batch, height, width, channels), with an image"
    check(pixels.ndim == 4 and len(pixels) > 0, "images", shape, expected)
    valid = rows.ndim == 3 and len(rows) == len(pixels) and rows.shape[2] == 6
    check(valid, "detections", Verbatim(f"shape {rows.shape}"), f"have shape ({len(pixels)}, n, 6) to match the images")
    check(is_integer(columns) and columns > 0, "columns", columns, "a positive integer")
    check(is_number(score_threshold), "score_threshold", score_threshold, "a number")
    drawn = []
    for image, found in zip(pixels, rows, strict=True):
        shown = found[(found[:, 4] >= 0) & (found[:, 5] > score_threshold)]
        classes = shown[:, 4].astype(int)
        most = max(classes, default=-1)
        check(not names or most < len(names), "names", Verbatim(f"{len(names)} names"), f"a name for class {most}")
        labels = [names[number] for number in classes] if names else ()
        drawn.append(draw(image, shown[:, :4], labels, classes, scale=scale))
    drawn += [np.full_like(drawn[0], 255)] * (-len(drawn) % columns)
    return np.vstack([np.hstack(drawn[start : start + columns]) for start in range(0, len(drawn), columns)])
