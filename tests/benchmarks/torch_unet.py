"""The network as people write it in PyTorch, which the engines of others are given, and a step of its training."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ddim.model.diffusion_model import ModelConfig
from ddim.model.unet import UNetConfig, attention_heads, build_unet
from ddim.model.waves import angular_frequencies


class TorchUNet(nn.Module):
    """A network with batch normalization and bilinear upsampling, with the weights of a Keras network, for inference.

    From noisy pictures (B, 3, S, S), the waves of their noise levels (B, embedding_size) and, with classes, class
    weights (B, num_classes) to outputs (B, 3, S, S).
    """

    def __init__(self, config: UNetConfig, weights: list[np.ndarray]):
        super().__init__()
        self.config = config
        arrays = iter([torch.from_numpy(np.array(weight)) for weight in weights])
        channels, last = config.widths[0], len(config.widths) - 1
        self.condition = None
        if config.conditioning == "blocks":
            self.first_dense, self.second_dense = _dense(arrays), _dense(arrays)
            self.classes = nn.Parameter(next(arrays)) if config.num_classes else None
        self.first = _convolution(arrays)
        if config.conditioning == "input":
            channels += config.embedding_size
        skips, self.down, self.up = [], nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(config.widths):
            blocks = nn.ModuleList()
            for index in range(config.block_depth):
                blocks.append(_Block(config, arrays, channels, level, index))
                channels = width
                skips.append(width)
            self.down.append(blocks)
        del skips[-config.block_depth :]
        for level in reversed(range(last)):
            width, parts = config.widths[level], nn.ModuleDict()
            if config.skips == "added" and channels != width:
                parts["narrow"], channels = _convolution(arrays), width
            for index in range(config.block_depth):
                if config.skips == "added":
                    parts[f"skip{index}"] = _convolution(arrays)
                    channels = width
                else:
                    channels += skips[-1]
                skips.pop()
                parts[f"block{index}"] = _Block(config, arrays, channels, level, index)
                channels = width
            self.up.append(parts)
        self.last = _convolution(arrays)
        assert next(arrays, None) is None
        self.requires_grad_(requires_grad=False).eval()

    def forward(
        self, images: torch.Tensor, waves: torch.Tensor, class_weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The outputs."""
        config, size = self.config, self.config.patch_size
        condition = None
        if config.conditioning == "blocks":
            condition = self.second_dense(functional.silu(self.first_dense(waves)))
            if class_weights is not None:
                condition = condition + class_weights @ self.classes
            condition = functional.silu(condition)
        features = self.first(_patches(images, size) if size > 1 else images)
        if config.conditioning == "input":
            waves = waves[:, :, None, None].expand(-1, -1, *features.shape[2:])
            features = torch.cat([features, waves.to(features.dtype)], dim=1)
        skips = []
        for level, blocks in enumerate(self.down):
            for block in blocks:
                features = block(features, condition)
                skips.append(features)
            if level < len(self.down) - 1:
                features = functional.avg_pool2d(features, 2)
        del skips[-config.block_depth :]
        for parts in self.up:
            features = parts["narrow"](features) if "narrow" in parts else features
            features = functional.interpolate(features, scale_factor=2, mode="bilinear")
            for index in range(config.block_depth):
                if config.skips == "added":
                    features = features + parts[f"skip{index}"](skips.pop())
                else:
                    features = torch.cat([features, skips.pop()], dim=1)
                features = parts[f"block{index}"](features, condition)
        features = self.last(features)
        return _pixels(features, size) if size > 1 else features


def training_step(config: ModelConfig, images: np.ndarray, momentum: float) -> Callable[[], None]:
    """A step on pictures (B, S, S, 3) uint8 with all that the tutorial's has, in bfloat16 where PyTorch has that."""
    module = TorchUNet(config.network, build_unet(config.network).get_weights()).train().requires_grad_(True)
    module = module.to(memory_format=torch.channels_last)
    weights = list(module.parameters())
    average = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(weights, 1e-3, weight_decay=1e-4)
    pictures = torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(127.5) - 1)
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    size, max_frequency = config.network.embedding_size, config.network.embedding_max_frequency
    frequencies = torch.from_numpy(angular_frequencies(size, max_frequency))
    start, end = np.arccos(config.max_signal_rate), np.arccos(config.min_signal_rate)

    def step() -> None:
        noises = torch.randn_like(pictures)
        angles = start + (end - start) * torch.rand(len(pictures), 1, 1, 1)
        phases = torch.sin(angles[:, :, 0, 0]) ** 2 * frequencies
        waves = torch.cat([torch.sin(phases), torch.cos(phases)], dim=1)
        with torch.autocast("cpu", torch.bfloat16):
            pred_noises = module(torch.cos(angles) * pictures + torch.sin(angles) * noises, waves)
        optimizer.zero_grad()
        (noises - pred_noises.float()).abs().mean().backward()
        optimizer.step()
        torch._foreach_lerp_(average, weights, 1 - momentum)

    return step


class _Block(nn.Module):
    def __init__(self, config: UNetConfig, arrays: Iterator[torch.Tensor], channels: int, level: int, index: int):
        super().__init__()
        width = config.widths[level]
        # In the order of Keras' layers, which is that of the calls in ddim.model.unet.
        self.normalization = _normalization(arrays)
        self.first = _convolution(arrays)
        self.modulation = _dense(arrays) if config.conditioning == "blocks" else None
        self.shortcut = _convolution(arrays) if channels != width else nn.Identity()
        self.second = _convolution(arrays)
        self.attention = _Attention(arrays, width) if config.attends(level, index) else nn.Identity()

    def forward(self, features: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        change = self.first(self.normalization(features))
        if self.modulation is not None:
            scales, shifts = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
            change = change * (1 + scales) + shifts
        return self.attention(self.shortcut(features) + self.second(functional.silu(change)))


class _Attention(nn.Module):
    def __init__(self, arrays: Iterator[torch.Tensor], channels: int):
        super().__init__()
        self.heads, size = attention_heads(channels)
        self.normalization = _normalization(arrays)
        projections = [(next(arrays).reshape(channels, -1), next(arrays).reshape(-1)) for _ in range(3)]
        self.projection = nn.Linear(channels, 3 * self.heads * size)
        self.projection.weight.data = torch.cat([kernel for kernel, _ in projections], dim=1).T.contiguous()
        self.projection.bias.data = torch.cat([bias for _, bias in projections])
        self.output = nn.Linear(self.heads * size, channels)
        self.output.weight.data = next(arrays).reshape(-1, channels).T.contiguous()
        self.output.bias.data = next(arrays)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = features.shape
        positions = self.normalization(features).flatten(2).transpose(1, 2)
        parts = self.projection(positions).reshape(batch, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
        return features + self.output(attended).transpose(1, 2).reshape(batch, channels, height, width)


def _normalization(arrays: Iterator[torch.Tensor]) -> nn.BatchNorm2d:
    mean, variance = next(arrays), next(arrays)
    layer = nn.BatchNorm2d(len(mean), eps=1e-3, affine=False)
    layer.running_mean, layer.running_var = mean, variance
    return layer


def _convolution(arrays: Iterator[torch.Tensor]) -> nn.Conv2d:
    kernel, bias = next(arrays), next(arrays)
    size, _, channels, filters = kernel.shape
    layer = nn.Conv2d(channels, filters, size, padding=size // 2)
    layer.weight.data, layer.bias.data = kernel.permute(3, 2, 0, 1).contiguous(), bias
    return layer


def _dense(arrays: Iterator[torch.Tensor]) -> nn.Linear:
    kernel, bias = next(arrays), next(arrays)
    layer = nn.Linear(*kernel.shape)
    layer.weight.data, layer.bias.data = kernel.T.contiguous(), bias
    return layer


def _patches(images: torch.Tensor, size: int) -> torch.Tensor:
    """Each patch becomes one pixel with channels in the order row, column, colour."""
    batch, channels, height, width = images.shape
    rows = images.reshape(batch, channels, height // size, size, width // size, size)
    return rows.permute(0, 3, 5, 1, 2, 4).reshape(batch, -1, height // size, width // size)


def _pixels(features: torch.Tensor, size: int) -> torch.Tensor:
    batch, channels, height, width = features.shape
    parts = features.reshape(batch, size, size, channels // size**2, height, width)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(batch, -1, height * size, width * size)
