"""PyTorch equivalents of the networks that `tensorsmith bench vision` measures, with their losses."""

import itertools
from collections.abc import Callable
from typing import Any

Shape = tuple[int, int, int]
Network = tuple[Any, Callable[[Any, Any], Any]]  # a module, and a function of its outputs and the targets


def _cross_entropy(outputs: Any, labels: Any) -> Any:
    from torch.nn import functional

    return functional.cross_entropy(outputs, labels)


def _convolution(inputs: int, filters: int, size: int, strides: int = 1, relu: bool = True) -> list[Any]:
    """Return a convolution without bias, batch normalization, and ReLU."""
    from torch import nn

    convolution = nn.Conv2d(inputs, filters, size, strides, size // 2, bias=False)
    return [convolution, nn.BatchNorm2d(filters), *([nn.ReLU()] if relu else [])]


def _cnn(shape: Shape) -> Network:
    """Return the network of cnn/fashion_mnist."""
    from torch import nn

    blocks = [(*_convolution(a, b, 3), nn.MaxPool2d(2)) for a, b in ((shape[-1], 32), (32, 64))]
    head = nn.Dropout(0.4), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Dropout(0.4), nn.Linear(128, 10)
    return nn.Sequential(*itertools.chain(*blocks), nn.Flatten(), *head), _cross_entropy


def _resnet(shape: Shape) -> Network:
    import torchvision

    return torchvision.models.resnet18(num_classes=10), _cross_entropy


def _vit(shape: Shape) -> Network:
    import torchvision

    sizes = {"num_layers": 6, "num_heads": 3, "hidden_dim": 192, "mlp_dim": 768, "num_classes": 10}
    return torchvision.models.VisionTransformer(image_size=shape[0], patch_size=8, **sizes), _cross_entropy


def _unet(shape: Shape) -> Network:
    import torch
    from torch import nn

    def convolutions(inputs: int, filters: int) -> Any:
        return nn.Sequential(*_convolution(inputs, filters, 3), *_convolution(filters, filters, 3))

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = (shape[-1], 16, 32, 64, 128)
            self.down = nn.ModuleList(convolutions(a, b) for a, b in itertools.pairwise(widths))
            pairs = list(itertools.pairwise(reversed(widths[1:])))
            self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
            self.joined = nn.ModuleList(convolutions(2 * b, b) for _, b in pairs)
            self.output, self.pool = nn.Conv2d(16, 10, 1), nn.MaxPool2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            skipped = []
            for level, block in enumerate(self.down):
                x = block(self.pool(x) if level else x)
                skipped.append(x)
            for up, block, features in zip(self.up, self.joined, reversed(skipped[:-1]), strict=True):
                x = block(torch.cat([features, up(x)], 1))
            outputs: torch.Tensor = self.output(x)
            return outputs

    return UNet(), _cross_entropy


def _detector(shape: Shape) -> Network:
    import torch
    from torch import nn
    from torch.nn import functional

    class Unit(nn.Module):
        def __init__(self, inputs: int, filters: int, strides: int) -> None:
            super().__init__()
            first, second = _convolution(inputs, filters, 3, strides), _convolution(filters, filters, 3, relu=False)
            self.layers = nn.Sequential(*first, *second)
            same = inputs == filters and strides == 1
            self.shortcut = nn.Sequential(*([] if same else _convolution(inputs, filters, 1, strides, relu=False)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.relu(self.layers(x) + self.shortcut(x))

    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(*_convolution(shape[-1], 16, 7, 2), nn.MaxPool2d(3, 2, 1))
            widths, strides = (16, 16, 32, 64), (1, 2, 2)
            stages = zip(itertools.pairwise(widths), strides, strict=True)
            self.stages = nn.ModuleList(nn.Sequential(Unit(a, b, s), Unit(b, b, 1)) for (a, b), s in stages)
            self.context = nn.Sequential(*_convolution(64, 64, 1), nn.Upsample(scale_factor=2))
            self.head = nn.Sequential(*_convolution(96, 64, 3), *_convolution(64, 64, 3), nn.Conv2d(64, 25, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stages[0](self.stem(x))
            fine = self.stages[1](x)
            outputs: torch.Tensor = self.head(torch.cat([fine, self.context(self.stages[2](fine))], 1))
            return outputs.movedim(1, -1)

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        true, found = (each[..., :15].unflatten(-1, (3, 5)) for each in (targets, outputs))
        objects = true[..., 4]
        centers = (found[..., :2].sigmoid() - true[..., :2]).square().sum(-1)
        sizes = (found[..., 2:4] - true[..., 2:4]).square().sum(-1)
        present = functional.softplus(-found[..., 4]), functional.softplus(found[..., 4])
        parts = objects * (5 * (centers + sizes) + present[0]) + 0.5 * (1 - objects) * present[1]
        classes = -(targets[..., 15:] * functional.log_softmax(outputs[..., 15:], -1)).sum(-1)
        total: torch.Tensor = (parts.sum(-1) + classes).sum((1, 2)).mean()
        return total

    return Detector(), loss


TORCH_NETWORKS: dict[str, Callable[[Shape], Network]] = {
    "cnn": _cnn,
    "resnet18": _resnet,
    "unet": _unet,
    "vit": _vit,
    "detector": _detector,
}
