"""Times a whole run of the digits, 60 epochs, beside PyTorch on the CPU, in turns.

    go build -o bin/lacuna ./cmd/lacuna
    python bench/run_peers.py bin/lacuna DATA [--epochs 60] [--rounds 5] [--missing 10]

DATA is a data set of shards that `lacuna ingest avdigits` made. Both sides train
the published network with distillation and the gate once an epoch, batches of 32,
sound hidden in all but so many percent of the training pairs. Lacuna's time is
that of the whole process `lacuna train`, which reads the shards, looks at the
held-out loss, writes metrics and checkpoints and makes its report; PyTorch has
everything in memory before its clock starts, and only trains: the same steps as
one would write them (torch_nets.py), in the fastest of its ways.

Prints medians in seconds, the ratio, and which part of Lacuna's steps was spent
waiting for samples.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F

from torch_nets import AVNet, step

BATCH, ALPHA = 32, 0.1


def load(data, split):
    """Images, sounds, both scaled as the run scales them, and classes."""
    parts = [], [], []
    for path in sorted(pathlib.Path(data).glob(f"{split}-*.arrow")):
        table = pa.ipc.open_file(path).read_all()
        for out, name in zip(parts, ("image", "audio")):
            for chunk in table[name].chunks:
                out.append(chunk.to_numpy_ndarray())
        parts[2].append(table["target"].to_numpy())
    image, sound, target = (np.concatenate(p) for p in parts)
    scaled = [torch.from_numpy((x - 0.5) / 0.5).float().unsqueeze(1) for x in (image, sound)]
    return scaled, torch.from_numpy(target).long()


def gate(net, u, optimiser, inputs, target):
    """A phase of the gate over the held-out pairs."""
    for rows in torch.randperm(len(target)).split(BATCH):
        features = net.encode([x[rows] for x in inputs], None)
        loss = F.cross_entropy(net.decode(features * torch.softmax(u, 0).view(1, 2, 1), None), target[rows])
        (u.grad,) = torch.autograd.grad(loss, [u])
        optimiser.step()


def keep(n, modality, percent):
    """Which of n pairs have image and sound, one of them for so many percent alone."""
    present = torch.ones(n, 2, dtype=torch.bool)
    present[torch.randperm(n)[round(n * percent / 100) :], modality] = False
    return present


def train(data, present, held_out, epochs, seed=1, alpha=ALPHA, drop_last=False, fused=False):
    """Trains the published network, without distillation and the gate where alpha is 0."""
    torch.manual_seed(seed)
    net = AVNet().train()
    u = torch.rand(2, requires_grad=True)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3, weight_decay=1e-2, fused=fused)
    learner = torch.optim.Adam([u], 1e-2, weight_decay=1e-2, fused=fused)
    inputs, target = data
    off = 1 - torch.eye(2)
    for epoch in range(epochs):
        for g in optimiser.param_groups:
            g["lr"] = 1e-3 * 0.9 ** (epoch // 20)
        for k, rows in enumerate(torch.randperm(len(target)).split(BATCH)):
            if drop_last and len(rows) < BATCH:
                break
            here = present[rows]
            coef = None
            if alpha:
                w = torch.softmax(u.detach(), 0)
                both = (here[:, :, None] & here[:, None, :]).float()
                coef = alpha / len(rows) * both * (w[:, None] / w[None, :]) * off
            step(net, optimiser, [x[rows] for x in inputs], here, target[rows], F.cross_entropy, coef)
            if k == 0 and alpha:
                gate(net, u, learner, *held_out)
    return net


def waited(run):
    """The part of the steps' time that they waited for samples, all steps together."""
    lines = (json.loads(line) for line in open(run / "metrics.jsonl"))
    return [v["data_wait"] for v in lines if "data_wait" in v][-1]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("lacuna")
    p.add_argument("data")
    p.add_argument("--epochs", type=int, default=60)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--missing", type=int, default=10, help="percent of training pairs that have sound")
    o = p.parse_args()
    data, held_out = load(o.data, "train"), load(o.data, "val")
    present = keep(len(data[1]), 1, o.missing)
    print(f"torch {torch.__version__}; {o.epochs} epochs, s, medians of {o.rounds}")
    for threads in 1, 2:
        torch.set_num_threads(threads)
        took = {"lacuna": [], "torch": [], "torch fused": []}
        waits = []
        for _ in range(o.rounds):
            run = pathlib.Path(tempfile.mkdtemp())
            command = [o.lacuna, "train", o.data, "--run", run / "run", "--quiet", "--epochs", str(o.epochs),
                       "--missing", f"rate:audio={o.missing}", "--workers", str(threads)]
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            took["lacuna"].append(time.perf_counter() - start)
            waits.append(waited(run / "run"))
            shutil.rmtree(run)
            for side in "torch", "torch fused":
                start = time.perf_counter()
                train(data, present, held_out, o.epochs, fused=side == "torch fused")
                took[side].append(time.perf_counter() - start)
        mid = {side: statistics.median(v) for side, v in took.items()}
        best = min(mid["torch"], mid["torch fused"])
        print(f"{threads} threads  " + "  ".join(f"{side} {v:.2f}" for side, v in mid.items()), end="")
        print(f"  lacuna x{mid['lacuna'] / best:.2f} of the fastest  waiting for samples {100 * statistics.median(waits):.2f} %", flush=True)


if __name__ == "__main__":
    main()
