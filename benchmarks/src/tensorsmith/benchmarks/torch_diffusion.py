"""PyTorch equivalent of the recipe diffusion/fashion_mnist, for `tensorsmith bench models`."""

from typing import Any

import numpy as np

from tensorsmith.benchmarks.torch_base import base

CLASSES, STEPS, LABEL_DROPOUT = 10, 1000, 0.1


def _unet(filters: tuple[int, int]) -> Any:
    """Return the U-Net of the recipe: two levels with one residual block each, and attention between them."""
    import torch
    from torch import nn
    from torch.nn import functional

    few, many = filters
    units = 4 * few

    class RMSNorm(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(channels, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            outputs: torch.Tensor = self.scale * x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)
            return outputs

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.norms = nn.ModuleList([RMSNorm(inputs), RMSNorm(outputs)])
            self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
            self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
            self.styles = nn.Linear(units, 2 * outputs)
            self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

        def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            scale, shift = self.styles(condition)[:, :, None, None].chunk(2, 1)
            hidden = self.norms[1](self.first(functional.silu(self.norms[0](x))))
            outputs: torch.Tensor = self.shortcut(x) + self.second(functional.silu(hidden * (1 + scale) + shift))
            return outputs

    class Attention(nn.Module):
        def __init__(self, channels: int, heads: int = 4) -> None:
            super().__init__()
            self.norm, self.heads = RMSNorm(channels), heads
            self.project, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            batch, channels, height, width = x.shape
            projected = self.project(self.norm(x).flatten(2).transpose(1, 2))
            parts = projected.view(batch, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
            return x + self.out(mixed).transpose(1, 2).view(batch, channels, height, width)

    class UNet(nn.Module):
        frequencies: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Sequential(nn.Linear(few, units), nn.SiLU(), nn.Linear(units, units))
            self.classes = nn.Embedding(CLASSES + 1, units)
            self.patches = nn.Conv2d(1, few, 2, 2)
            self.down = nn.ModuleList([Block(few, few), Block(many, many)])
            self.reduce = nn.Conv2d(few, many, 3, 2, 1)
            self.attention, self.middle = Attention(many), Block(many, many)
            self.up = nn.ModuleList([Block(2 * many, many), Block(2 * few, few)])
            self.enlarge = nn.ConvTranspose2d(many, few, 2, 2)
            self.output = nn.Sequential(RMSNorm(few), nn.SiLU(), nn.ConvTranspose2d(few, 1, 2, 2))
            self.register_buffer("frequencies", 10000.0 ** -torch.linspace(0, 1, few // 2), persistent=False)

        def forward(self, images: torch.Tensor, steps: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            angles = steps[:, None] * self.frequencies
            embedded = self.embed(torch.cat([angles.sin(), angles.cos()], 1)) + self.classes(labels)
            condition = functional.silu(embedded)
            high = self.down[0](self.patches(images), condition)
            low = self.down[1](self.reduce(high), condition)
            x = self.middle(self.attention(low), condition)
            x = self.up[0](torch.cat([x, low], 1), condition)
            x = self.up[1](torch.cat([self.enlarge(x), high], 1), condition)
            outputs: torch.Tensor = self.output(x)
            return outputs

    return UNet()


def diffusion(config: Any) -> Any:
    """Return the model with the loss of the recipe. The weights are not averaged."""
    import torch
    from torch import nn

    class Diffusion(base()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = _unet(config.filters)
            self.signal = torch.linspace(1, 0, STEPS + 2)[1:-1].mul(torch.pi / 2).sin().square()

        def to_tensor(self, array: np.ndarray) -> torch.Tensor:
            tensor = torch.from_numpy(array)
            return tensor.movedim(-1, 1).contiguous() if tensor.ndim == 4 else tensor.long()

        def loss_and_metric(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            steps = torch.randint(0, STEPS, (len(images),))
            signal, noise = self.signal[steps].view(-1, 1, 1, 1), torch.randn(images.shape)
            labels = torch.where(torch.rand(len(labels)) < LABEL_DROPOUT, CLASSES, labels)
            predicted = self.network(signal.sqrt() * images + (1 - signal).sqrt() * noise, steps, labels)
            loss = nn.functional.mse_loss(predicted, noise)
            return loss, loss

    return Diffusion()
