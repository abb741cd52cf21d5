from tensorsmith.models import autoencoder, dcgan_discriminator, dcgan_generator, diffusion_unet, style_generator
from tensorsmith.models.networks.autoencoder import SIZES as AUTOENCODERS
from tensorsmith.testing import Data, ModelRow

ROWS = [
    ModelRow(
        autoencoder,
        kwargs={"size": "stacked", "input_shape": (5, 6), "code": 3, "activation": "relu"},
        inputs=Data((5, 6)),
        bad=[
            ({"size": "stack"}, "Did you mean stacked?"),
            ({"code": 0}, "a positive integer or a Keras layer"),
            ({"input_shape": (28, 28, 1)}, "(height, width)"),
        ],
        counts=[*(({"size": size}, row.parameters) for size, row in AUTOENCODERS.items()), ({"code": 300}, 218_084)],
    ),
    ModelRow(
        autoencoder,
        name="convolutional autoencoder",
        kwargs={"size": "convolutional", "input_shape": (12, 20)},
        inputs=Data((12, 20)),
        bad=[({"input_shape": (12, 16)}, "4 more than a multiple of 8"), ({"code": 9}, "None for a convolutional")],
    ),
    ModelRow(
        autoencoder,
        name="recurrent autoencoder",
        kwargs={"size": "recurrent", "input_shape": (5, 6), "code": 3},
        inputs=Data((5, 6)),
        slow=True,
    ),
    ModelRow(
        dcgan_generator,
        kwargs={"codings": 5, "output_shape": (8, 12, 3), "filters": (4, 3)},
        inputs=Data((5,)),
        bad=[
            ({"codings": 0}, "a positive integer"),
            ({"output_shape": (8, 10, 3)}, "multiples of 4"),
            ({"output_shape": (8, 8)}, "(height, width, channels)"),
            ({"filters": ()}, "a tuple of positive integers"),
        ],
        another_size={},
        counts=[({}, 840_705 - 2 * (128 + 64))],  # Géron, 2019, chapter 17, without the moving averages
    ),
    ModelRow(
        dcgan_generator,
        name="generator of a conditional DCGAN",
        kwargs={"codings": 5, "output_shape": (8, 8, 1), "filters": (4, 3), "classes": 4},
        inputs={"codes": Data((5,)), "labels": Data((), "int32", 0, 4)},
        another_size={},
        bad=[({"classes": 0}, "a positive integer or None"), ({"classes": 1}, "at least 2")],
        slow=True,
    ),
    ModelRow(
        dcgan_discriminator,
        kwargs={"input_shape": (8, 12, 3), "filters": (3, 4)},
        inputs=Data((8, 12, 3)),
        bad=[
            ({"input_shape": (8, 10, 3)}, "multiples of 4"),
            ({"input_shape": (None, 8, 3)}, "a known height and width"),
            ({"filters": (4, 0)}, "a tuple of positive integers"),
            ({"dropout": 1.0}, "in [0, 1)"),
        ],
        counts=[({}, 212_865)],  # Géron, 2019, chapter 17
    ),
    ModelRow(
        dcgan_discriminator,
        name="projection discriminator",
        kwargs={"input_shape": (8, 8, 1), "filters": (3, 4), "classes": 4},
        inputs={"images": Data((8, 8, 1)), "labels": Data((), "int32", 0, 4)},
        slow=True,
    ),
    ModelRow(
        diffusion_unet,
        kwargs={"input_shape": (8, 12, 2), "filters": (4, 8), "heads": 2},
        inputs={"images": Data((8, 12, 2)), "steps": Data((), "int32", 0, 1000)},
        bad=[
            ({"input_shape": (8, 10, 2)}, "multiples of 4"),
            ({"input_shape": (None, 8, 2)}, "a known height and width"),
            ({"filters": (3, 8)}, "a tuple of positive even integers"),
            ({"heads": 3}, "a divisor of the 8 filters"),
            ({"blocks": 0}, "a positive integer"),
            ({"dropout": 1.0}, "in [0, 1)"),
            ({"classes": 1}, "at least 2"),
        ],
    ),
    ModelRow(
        diffusion_unet,
        name="conditional U-Net of a diffusion model",
        kwargs={"input_shape": (8, 8, 1), "filters": (4, 8), "heads": 2, "classes": 3},
        inputs={
            "images": Data((8, 8, 1)),
            "steps": Data((), "int32", 0, 1000),
            "target_classes": Data((), "int32", 0, 4),
        },
        slow=True,
    ),
    ModelRow(
        style_generator,
        kwargs={
            "codings": 5,
            "output_shape": (4, 6, 2),
            "filters": (4, 3),
            "units": 6,
            "mapping_layers": 2,
            "mixing": 0.5,
        },
        inputs=Data((5,)),
        bad=[
            ({"codings": 0}, "a positive integer"),
            ({"units": 0}, "a positive integer"),
            ({"mapping_layers": 0}, "a positive integer"),
            ({"output_shape": (4, 5, 2)}, "multiples of 2"),
            ({"output_shape": (None, 4, 2)}, "a known height and width"),
            ({"filters": ()}, "a tuple of positive integers"),
            ({"mixing": 2.0}, "a number in [0, 1]"),
        ],
        another_size={},
        # Mapping: 8 * 4160; constant: 3136; styles of 64, 32 and 16 channels: 2 * (8384 + 4192 + 2096); convolutions:
        # 36_928, 18_464 + 9248, 4624 + 2320 and 17.
        counts=[({}, 137_361)],
    ),
]
