"""Writes the goldens of train/models by PyTorch: whole steps of training.

Run from the root of the repository:

    python bench/golden_nets.py

Nothing but results is stored: parameters, inputs, targets and dropout come from
engine.Hash, which hashes() repeats, and golden_test.go makes the same ones.
A golden has the task's loss and the distillation loss of 20 steps, the gradient
of every parameter at the first of them, and after the last the logits of batch 0
in evaluation. Arrays are stored as three sums: of the values, of their
magnitudes, and of the values times uniform("probe", n).
"""

import json
import pathlib

import numpy as np
import torch

from torch_nets import AVNet, UNet3d, dice_bce, impute, step

STEPS, BATCHES = 20, 4


def mix(x):
    x = x ^ x >> np.uint32(16)
    x = x * np.uint32(0x7FEB352D)
    x = x ^ x >> np.uint32(15)
    x = x * np.uint32(0x846CA68B)
    return x ^ x >> np.uint32(16)


def hashes(seed, index):
    """engine.Hash."""
    x = mix(index.astype(np.uint32) + np.uint32(seed & 0xFFFFFFFF))
    return mix(x ^ np.uint32(seed >> 32))


def seed(name):
    """FNV-1a of 64 bits."""
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001B3 % 2**64
    return h


def uniform(name, n):
    """n float64 in -1..1."""
    return hashes(seed(name), np.arange(n)) / 2**31 - 1


def start(name, shape):
    """A parameter: of matrices and kernels uniform with variance 1/fan in, of
    norms about 1, of biases about 0."""
    v = uniform(name, int(np.prod(shape)))
    if len(shape) > 1:
        v = v * np.sqrt(3 / np.prod(shape[1:]))
    else:
        v = 0.1 * v + (".norm" in name and name.endswith(".weight"))
    return torch.tensor(v.reshape(shape), dtype=torch.float32)


class Dropout:
    """engine.Dropout, as the k-th call on a tape with the seed draws it; the
    tensors of rank 4 are in blocks there."""

    def __init__(self):
        self.seed, self.call = None, 0

    def begin(self, seed):
        self.seed, self.call = seed, 0

    def __call__(self, x, p):
        if self.seed is None:
            return x
        s = (self.seed + self.call * 0x9E3779B97F4A7C15) % 2**64
        self.call += 1
        if x.dim() == 4:
            n, c, h, w = (np.arange(v).reshape(*[-1 if a == i else 1 for a in range(4)]) for i, v in enumerate(x.shape))
            blocks, size = -(-x.shape[1] // 16), x.shape[2] * x.shape[3]
            index = ((n * blocks + c // 16) * size + h * x.shape[3] + w) * 16 + c % 16
        else:
            index = np.arange(x.numel()).reshape(x.shape)
        keep = torch.from_numpy(hashes(s, index) >= np.uint32(int(np.float32(p).astype(float) * 2**32)))
        return torch.where(keep, x / (1 - p), 0)


def present(case, k, batch, m):
    """Which modalities the samples of batch k have, B x M."""
    if not case["missing"]:
        return np.ones((batch, m), bool)
    bits = hashes(seed(f"present/{k}"), np.arange(batch)) % (2**m - 1) + 1
    return (bits[:, None] >> np.arange(m) & 1).astype(bool)


def inputs(k, batch, m, shape):
    v = uniform(f"input/{k}/{m}", batch * int(np.prod(shape))).reshape(batch, *shape)
    return torch.tensor(v, dtype=torch.float32)


def labels(k, batch, size):
    """Labels 0..3 in cubes of 4 voxels."""
    cubes = size // 4
    v = hashes(seed(f"label/{k}"), np.arange(batch * cubes**3)) % 4
    v = v.reshape(batch, cubes, cubes, cubes)
    return torch.from_numpy(v.astype(np.int64).repeat(4, 1).repeat(4, 2).repeat(4, 3))


def avnet(case):
    drop = Dropout()
    net = AVNet(drop=drop)

    def batch(k):
        if case["dropout"]:
            drop.begin(k + 1)
        has = present(case, k % BATCHES, 8, 2)
        x = [inputs(k % BATCHES, 8, m, s).unsqueeze(1) for m, s in enumerate(((28, 28), (20, 20)))]
        target = hashes(seed(f"label/{k % BATCHES}"), np.arange(8)) % 10
        return x, has, torch.from_numpy(target.astype(np.int64))

    optimiser = torch.optim.Adam(net.parameters(), 1e-3, weight_decay=1e-2)
    return run(case, net, optimiser, batch, torch.nn.functional.cross_entropy, [0.3, -0.2])


def unet3d(case):
    o = case["options"]
    net = UNet3d(3, width=4, depth=o["Depth"], full_stem=o["FullStem"], standardise=o["Standardise"])

    def batch(k):
        k %= BATCHES
        has = present(case, k, 2, 3)
        y = labels(k, 2, 16)
        x = torch.stack([inputs(k, 2, m, (16, 16, 16)) for m in range(3)], 1)
        x += y.unsqueeze(1) / 2
        x *= torch.from_numpy(has)[:, :, None, None, None]
        return x, has, torch.stack([y == 3, y > 0, y % 2 == 1], 1).float()

    optimiser = torch.optim.SGD(net.parameters(), 1e-2, momentum=0.99, nesterov=True)
    return run(case, net, optimiser, batch, dice_bce, [0.3, -0.2, 0.5])


def run(case, net, optimiser, batch, loss, u):
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(start(name, p.shape))
    out = {**case, "task": [], "distil": [], "gradients": {}}
    u = np.array(u, np.float32).astype(float)
    ratio = np.exp(u[:, None] - u) * (1 - np.eye(len(u)))
    for k in range(STEPS):
        x, has, target = batch(k)
        coef = 0.1 / len(has) * ratio * has[:, :, None] * has[:, None, :]
        task, distil = step(net, optimiser, x, torch.from_numpy(has), target, loss,
                            torch.tensor(coef, dtype=torch.float32), 2 if case["l2"] else 1)
        out["task"].append(task)
        out["distil"].append(distil)
        if k == 0:
            out["gradients"] = {name: sums(p.grad) for name, p in net.named_parameters()}
    net.eval()
    with torch.no_grad():
        x, has, _ = batch(0)
        if case["dropout"]:
            net.drop.begin(None)
        has = torch.from_numpy(has)
        out["logits"] = sums(net.decode(impute(net.encode(x, has), has), None))
    return out


def sums(x):
    v = x.double().numpy().ravel()
    return [float(s) for s in (v.sum(), np.abs(v).sum(), v @ uniform("probe", len(v)))]


def main():
    torch.set_num_threads(1)
    plain = {"missing": False, "dropout": False, "l2": False}
    small = {"Depth": 2, "FullStem": False, "Standardise": False}
    goldens = {
        "avnet": (avnet, [
            {"name": "all present", **plain},
            {"name": "missing, dropout, L2", "missing": True, "dropout": True, "l2": True},
        ]),
        "unet3d": (unet3d, [
            {"name": "all present", **plain, "options": small},
            {"name": "missing, standardised, L2", **plain, "missing": True, "l2": True,
             "options": {**small, "Standardise": True}},
            {"name": "missing, full stem, one level", **plain, "missing": True,
             "options": {**small, "Depth": 1, "FullStem": True}},
        ]),
    }
    for name, (make, cases) in goldens.items():
        file = pathlib.Path(f"train/models/{name}/testdata/golden.json")
        file.parent.mkdir(exist_ok=True)
        made = {"by": f"bench/golden_nets.py with PyTorch {torch.__version__}", "cases": [make(c) for c in cases]}
        file.write_text(json.dumps(made, indent=1) + "\n")


main()
