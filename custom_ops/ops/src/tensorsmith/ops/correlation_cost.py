"""Op for the correlation cost volume of two feature maps, as used for optical flow."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.dispatch import compiled, traced_for_xla
from tensorsmith.ops.library import library

MAX_STEPS = 20_000  # displacements in each direction, so that an int32 can represent the number of outputs
UNROLLED = 64  # maximum number of displacements that the reference implementation unrolls


def correlation_cost(
    a: TensorLike, b: TensorLike, kernel_size: int, max_displacement: int, stride_1: int, stride_2: int, pad: int
) -> tf.Tensor:
    """Computes the optical flow cost volume: correlations of image patches over a range of displacements.

    Both images are padded with `pad` zeros on every side. The products of a patch are averaged over its positions and
    channels. Patches are placed `stride_1` apart, wherever they and all their displacements are inside the padded
    image. With (u, v) the center of patch (i, j):

        y[i, j, (p, q)] = mean of a[u + k, v + l, c] * b[u + p + k, v + q + l, c] over the patch's k and l, and over c

    Source: Dosovitskiy et al., "FlowNet: Learning Optical Flow with Convolutional Networks", 2015. Arguments and
    results are those of TensorFlow Addons, except where `stride_1` > 1 and `pad` > 0: the first patch begins `pad`
    pixels before the image here and `stride_1 * pad` pixels before it there.

    Args:
        a: Feature map of the first image, a floating-point tensor of shape `(batch, height, width, channels)`. For
            half-precision inputs, the computation uses float32.
        b: Feature map of the second image, a tensor of the same shape and dtype.
        kernel_size: Odd integer, the height and width of an image patch in pixels.
        max_displacement: Maximum displacement of a patch of `b` in each direction, in pixels.
        stride_1: Distance between neighboring patches, in pixels.
        stride_2: Distance between neighboring displacements, in pixels.
        pad: Number of zeros to pad on each side of both images.

    Returns:
        A tensor of shape `(batch, rows, columns, n * n)`, where `n = 2 * (max_displacement // stride_2) + 1`, and
        `rows` and `columns` are `(size + 2 * pad - 2 * max_displacement - kernel_size + 1) / stride_1`, rounded up.

    Raises:
        ValueError: If a size or stride is not an integer in its range, if the images differ in shape or dtype, or if
            they are too small for one patch.
        tf.errors.InvalidArgumentError: If shapes that are unknown when the graph is traced turn out not to match.

    Example:
        >>> import tensorflow as tf
        >>> a = tf.reshape([1.0, 2.0, 3.0], [1, 1, 3, 1])
        >>> correlation_cost(a, a, 1, 1, 1, 1, 1)[0, 0, :, 3:6].numpy()  # with the left, same and right pixel
        array([[0., 1., 2.],
               [2., 4., 6.],
               [6., 9., 0.]], dtype=float32)
    """
    a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
    sizes = (("kernel_size", kernel_size, 1), ("max_displacement", max_displacement, 0), ("stride_1", stride_1, 1))
    for name, size, least in (*sizes, ("stride_2", stride_2, 1), ("pad", pad, 0)):
        valid = isinstance(size, int) and least <= size < 2**30
        check(valid, name, size, f"an integer >= {least} and less than 2^30")
    reached = max_displacement // stride_2
    received = Verbatim(f"{reached:,}")
    check(reached < MAX_STEPS, "max_displacement // stride_2", received, f"less than {MAX_STEPS:,}")
    check(
        kernel_size % 2 == 1,
        "kernel_size",
        kernel_size,
        "an odd integer",
        "patches of even size have no center",
    )
    check(a.dtype.is_floating, "a", a.dtype.name, "have a floating-point dtype")
    check(a.shape.rank == 4, "a", Verbatim(a.shape), "have shape (batch, height, width, channels)")
    same = b.dtype == a.dtype and b.shape.is_compatible_with(a.shape)
    check(
        same,
        "b",
        Verbatim(f"{b.dtype.name} {b.shape}"),
        f"have dtype {a.dtype.name} and shape {a.shape} to match `a`",
    )
    border = max_displacement + kernel_size // 2
    for size in a.shape[1:3]:
        large_enough = size is None or size + 2 * pad > 2 * border
        check(
            large_enough,
            "a",
            Verbatim(a.shape),
            f"have more than {2 * (border - pad)} rows and columns",
        )
    steps = max_displacement // stride_2
    reach = steps * stride_2
    wide = tf.float32 if a.dtype.size < 4 else a.dtype
    around = [[0, 0], [pad, pad], [pad, pad], [0, 0]]
    asserted: list[tf.Operation] = []
    if not (traced_for_xla() or (a.shape.is_fully_defined() and b.shape.is_fully_defined())):
        large_enough = tf.reduce_all(tf.shape(a)[1:3] > 2 * (border - pad))
        asserted = [
            tf.debugging.assert_equal(tf.shape(a), tf.shape(b), "b must have the shape of a"),
            tf.debugging.assert_equal(
                large_enough, True, f"a must have more than {2 * (border - pad)} rows and columns"
            ),
        ]
    with tf.control_dependencies(asserted):  # checked before the kernel reports cropped shapes
        first, second = (tf.pad(tf.cast(x, wide), around) for x in (a, b))
    # The op correlates single pixels. Average pooling then forms patches.
    single = kernel_size == 1
    options = {"across": 2 * steps + 1, "stride": stride_1 if single else 1, "apart": stride_2}
    first = _without_border(first, max_displacement)[:, :: options["stride"], :: options["stride"]]
    rows, columns = (tf.shape(first)[axis] for axis in (1, 2))
    second = _without_border(second, max_displacement - reach)
    height, width = ((count - 1) * options["stride"] + 2 * reach + 1 for count in (rows, columns))
    second = second[:, :height, :width]
    if compiled(first, second):
        y = library().ops.tensorsmith_correlation_cost(first, second, **options)
    else:
        y = _reference(first, second, **options)
    if not single:
        y = tf.nn.avg_pool2d(y, kernel_size, stride_1, "VALID")
    sides = [
        None if size is None else -(-(size + 2 * pad - 2 * border) // stride_1) for size in (a.shape[1], a.shape[2])
    ]
    y.set_shape([a.shape[0], *sides, options["across"] ** 2])
    return tf.cast(y, a.dtype)


def _without_border(x: tf.Tensor, size: int) -> tf.Tensor:
    return x[:, size : tf.shape(x)[1] - size, size : tf.shape(x)[2] - size]


def _reference(a: tf.Tensor, b: tf.Tensor, across: int, stride: int, apart: int) -> tf.Tensor:
    """Reference implementation of the cost volume in TensorFlow."""
    batch, rows, columns, _ = tf.unstack(tf.shape(a))
    width = tf.shape(b)[2]

    def cost(p: int | tf.Tensor) -> tf.Tensor:
        others = b[:, p * apart : p * apart + (rows - 1) * stride + 1 : stride]
        products = tf.matmul(a, others, transpose_b=True)  # (batch, rows, columns, columns of b)
        # Skew: reshaped to rows longer by the stride, the displacements of column j start at index 0 of its row.
        flat = tf.pad(tf.reshape(products, [batch, rows, columns * width]), [[0, 0], [0, 0], [0, columns * stride]])
        skewed = tf.reshape(flat, [batch, rows, columns, width + stride])
        return skewed[..., : (across - 1) * apart + 1 : apart]

    if across <= UNROLLED:
        costs = tf.concat([cost(p) for p in range(across)], axis=-1)
    else:  # tracing would take minutes
        stacked = tf.map_fn(cost, tf.range(across), fn_output_signature=tf.TensorSpec([None] * 4, a.dtype))
        costs = tf.reshape(tf.transpose(stacked, [1, 2, 3, 0, 4]), [batch, rows, columns, across**2])
    return costs / tf.cast(tf.shape(a)[-1], a.dtype)


def _options(op: tf.Operation) -> dict[str, int]:
    return {name: op.get_attr(name) for name in ("across", "stride", "apart")}


@tf.RegisterGradient("TensorsmithCorrelationCost")
def _gradient(op: tf.Operation, dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return library().ops.tensorsmith_correlation_cost_grad(dy, *op.inputs, **_options(op))


@tf.RegisterGradient("TensorsmithCorrelationCostGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    def gradients(dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) -> list[tf.Tensor]:
        return vjp(lambda a, b: _reference(a, b, **_options(op)), [a, b], dy)

    return vjp(gradients, list(op.inputs), list(upstream))
