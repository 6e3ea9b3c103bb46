"""Lacuna's networks, losses and steps as one writes them in PyTorch.

golden_nets.py makes golden values with them, step_peers.py times them.
Parameters have the names that train/models gives them.
"""

import torch
import torch.nn.functional as F
from torch import nn

SLOPE = 0.01


class Sound(nn.Module):
    def __init__(self):
        super().__init__()
        for i, (cin, cout) in enumerate(((1, 32), (32, 48), (48, 20)), 1):
            self.add_module(f"conv{i}", nn.Conv2d(cin, cout, 2))
            self.add_module(f"norm{i}", nn.BatchNorm2d(cout))
        self.fc = nn.Linear(20 * 4 * 4, 160)


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 5, 5), nn.Conv2d(5, 10, 5)


class AVNet(nn.Module):
    """train/models/avnet. drop(x, p) is dropout."""

    def __init__(self, classes=10, drop=F.dropout):
        super().__init__()
        self.image, self.sound = Image(), Sound()
        self.fuse, self.classify = nn.Linear(320, 64), nn.Linear(64, classes)
        self.drop = drop

    def encode_image(self, x):
        x = F.relu(F.max_pool2d(self.image.conv1(x), 2))
        x = self.drop(self.image.conv2(x), 0.5)
        return F.relu(F.max_pool2d(x, 2)).flatten(1)

    def encode_sound(self, x):
        s = self.sound
        x = F.relu(s.norm1(s.conv1(x)))
        x = F.relu(s.norm2(s.conv2(x)))
        x = F.relu(s.norm3(s.conv3(x)))
        x = self.drop(F.max_pool2d(x, 2, 4).flatten(1), 0.25)
        return F.relu(self.drop(s.fc(x), 0.25))

    def encode(self, inputs, present):
        """Features B x 2 x 160; present is B x 2, bool, or None for all."""
        encoders = self.encode_image, self.encode_sound
        if present is None:
            return torch.stack([f(x) for f, x in zip(encoders, inputs)], 1)
        out = []
        for m, (f, x) in enumerate(zip(encoders, inputs)):
            at = present[:, m].nonzero()[:, 0]
            whole = x.new_zeros(len(x), 160)
            out.append(whole.index_copy(0, at, f(x[at])) if len(at) else whole)
        return torch.stack(out, 1)

    def decode(self, features, _):
        return self.classify(self.drop(F.relu(self.fuse(features.flatten(1))), 0.6))


class Unit(nn.Module):
    """Convolution, instance norm, a residual added, activation."""

    def __init__(self, cin, cout, kernel, stride=1, slope=SLOPE, standardise=False):
        super().__init__()
        self.conv = nn.Conv3d(cin, cout, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.InstanceNorm3d(cout, affine=True)
        self.slope, self.standardise = slope, standardise
        nn.init.kaiming_normal_(self.conv.weight, SLOPE, "fan_out")

    def forward(self, x, res=None):
        w = self.conv.weight
        if self.standardise and w[0].numel() > 1:
            rows = w.flatten(1)
            var, mean = torch.var_mean(rows, 1, keepdim=True)
            w = ((rows - mean) / torch.sqrt(var + 1e-12)).view_as(w)
        x = self.norm(F.conv3d(x, w, None, self.conv.stride, self.conv.padding))
        if res is not None:
            x = x + res
        return x if self.slope == 1 else F.leaky_relu(x, self.slope, inplace=True)


class Residual(nn.Module):
    def __init__(self, cin, cout, stride, **o):
        super().__init__()
        self.add_module("1", Unit(cin, cout, 3, stride, **o))
        self.add_module("2", Unit(cout, cout, 3, **o))
        if cin != cout or stride != 1:
            self.short = Unit(cin, cout, 1, stride, slope=1, **o)

    def forward(self, x):
        parts = dict(self.named_children())
        short = parts["short"](x) if "short" in parts else x
        return parts["2"](parts["1"](x), short)


class UNet3d(nn.Module):
    """train/models/unet3d."""

    def __init__(self, modalities, regions=3, width=8, depth=3, full_stem=False, standardise=False):
        super().__init__()
        self.modalities, self.depth, self.full_stem = modalities, depth, full_stem
        o = {"standardise": standardise}
        self.stem = Unit(1, width, 3, 1 if full_stem else (1, 2, 2), **o)
        for i in range(depth):
            a, b = width << i, width << i + 1
            self.add_module(f"down{i + 1}", Residual(a, b, 2, **o))
            self.add_module(f"up{i}", nn.ConvTranspose3d(b, a, 2, 2))
            self.add_module(f"mix{i}", Unit(modalities * a, a, 1, **o))
            self.add_module(f"after{i}", Residual(a, a, 1, **o))
        self.bottom = Unit(modalities * (width << depth), width << depth, 1, **o)
        self.classify = nn.Conv3d(width, regions, 1)

    def part(self, name):
        return getattr(self, name)

    def encode(self, inputs, present):
        """Inputs are B x M x D x H x W, zeros where missing."""
        b = inputs.shape[0]
        x = self.stem(inputs.flatten(0, 1).unsqueeze(1))
        self.skips = []
        for i in range(self.depth):
            self.skips.append(x)
            x = self.part(f"down{i + 1}")(x)
        return x.unflatten(0, (b, self.modalities))

    def decode(self, features, shape):
        x = self.bottom(features.flatten(1, 2))
        for i in reversed(range(self.depth)):
            skip = self.skips[i].unflatten(0, (-1, self.modalities)).flatten(1, 2)
            x = self.part(f"after{i}")(self.part(f"up{i}")(x) + self.part(f"mix{i}")(skip))
        x = self.classify(x)
        self.skips = None
        if not self.full_stem:
            x = F.interpolate(x, scale_factor=(1, 2, 2), mode="trilinear", align_corners=False)
        return x


def impute(f, present):
    """Missing features become the mean of those present."""
    mask = present.view(*present.shape, *[1] * (f.dim() - 2))
    mean = torch.where(mask, f, 0).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    return torch.where(mask, f, mean)


def distances(f, power=1):
    """B x M x M of mean |sg(f_i) - f_j|^power, teacher first."""
    f = f.flatten(2)
    d = f.detach().unsqueeze(2) - f.unsqueeze(1)
    return (d.abs() if power == 1 else d * d).mean(-1)


def dice_bce(logits, target):
    """The task's loss of overlapping regions: see loss.Regions."""
    p, axes = torch.sigmoid(logits), (2, 3, 4)
    both, under = (p * target).sum(axes), p.sum(axes) + target.sum(axes) + 1
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (1 - 2 * both / under).mean() + bce.mean((0, 2, 3, 4)).sum()


def step(net, optimiser, inputs, present, target, loss, coef=None, power=1):
    """A step of training; present is None where nothing is missing."""
    optimiser.zero_grad(set_to_none=True)
    f = net.encode(inputs, present)
    distil = (coef * distances(f, power)).sum() if coef is not None else f.new_zeros(())
    if present is not None:
        f = impute(f, present)
    task = loss(net.decode(f, None), target)
    (task + distil).backward()
    optimiser.step()
    return task.item(), distil.item()
