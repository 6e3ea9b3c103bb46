"""Times train/engine/cpu/conv and PyTorch side by side, in turns.

    go test -c -o conv.test ./train/engine/cpu/conv
    python3 bench/conv_peers.py conv.test [rounds] [all | others]

Each round times one after the other a few times, so that both see the same
noise. PyTorch has plain tensors; ours are timed in blocks ("blocked") and with
plain tensors in and out ("plain"). Weights are packed anew each time. A row
gives minimum and median in ms, and the ratios of ours to PyTorch's of both;
below 1 is faster than PyTorch.
"""

import os
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

# name, N, channels in and out, size, kernel, stride, padding; a first layer has
# plain input and no gradient to it.
TARGETS = [
    ("16 64^3", 1, 16, 16, (64, 64, 64), 3, 1, 1),
    ("32 32^3", 1, 32, 32, (32, 32, 32), 3, 1, 1),
]
OTHERS = [
    ("4-16 64^3 first", 1, 4, 16, (64, 64, 64), 3, 1, 1),
    ("64 16^3", 1, 64, 64, (16, 16, 16), 3, 1, 1),
    ("128 8^3", 1, 128, 128, (8, 8, 8), 3, 1, 1),
    ("256 4^3", 2, 256, 256, (4, 4, 4), 3, 1, 1),
    ("16-32 64^3 /2", 1, 16, 32, (64, 64, 64), 3, 2, 1),
    ("32-16 1x1x1", 1, 32, 16, (64, 64, 64), 1, 1, 0),
    ("1-32 28x28 first", 32, 1, 32, (1, 28, 28), 3, 1, 1),
    ("32-64 14x14", 32, 32, 64, (1, 14, 14), 3, 1, 1),
    ("32-64 10x10 5x5", 32, 32, 64, (1, 10, 10), 5, 1, 2),
]
REPEAT = 5


def each(v, size):
    """v along every axis of a volume; none along D of an image."""
    return (v if size[0] > 1 else int(v > 0), v, v)


def torch_step(n, cin, cout, size, k, s, p, first):
    kernel, stride = each(k, size), each(s, size)
    pad = (p if size[0] > 1 else 0, p, p)
    x = torch.randn(n, cin, *size, requires_grad=not first)
    w = torch.randn(cout, cin, *kernel, requires_grad=True)
    b = torch.randn(cout, requires_grad=True)
    if size[0] == 1:  # as one would write it
        x, w = x.detach()[:, :, 0].requires_grad_(not first), w.detach()[:, :, 0].requires_grad_()
        conv, stride, pad_ = F.conv2d, stride[1:], pad[1:]
    else:
        conv, pad_ = F.conv3d, pad
    y = conv(x, w, b, stride, pad_).detach()
    dy = torch.randn_like(y)

    def forward():
        with torch.no_grad():
            conv(x, w, b, stride, pad_)

    def both():
        torch.autograd.grad(conv(x, w, b, stride, pad_), (w, b) if first else (x, w, b), dy)

    stride3 = each(s, size)
    ask = [n, cin, cout, *size, *kernel, *stride3, *pad, 1, 1, 1, int(first)]
    flop = 2 * w.numel() * y.numel() // cout
    return [forward, both], " ".join(map(str, ask)), flop, 2 if first else 3


def timed(f):
    out = []
    for _ in range(REPEAT):
        start = time.perf_counter()
        f()
        out.append((time.perf_counter() - start) * 1e3)
    return out


def main():
    binary, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rows = TARGETS + OTHERS if "all" in sys.argv else OTHERS if "others" in sys.argv else TARGETS
    ours = subprocess.Popen([binary, "-test.run", "^TestServe$", "-test.timeout", "1h"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "LACUNA_CONV_SERVE": "1"})

    def ask(line):
        ours.stdin.write(line + "\n")
        ours.stdin.flush()
        return [int(v) / 1e6 for v in ours.stdout.readline().split()]

    print(f"torch {torch.__version__}, {rounds} rounds of {REPEAT}; min / median ms; ratios of minima and of medians")
    for name, n, cin, cout, size, k, s, p in rows:
        steps, line, forward_flop, passes = torch_step(n, cin, cout, size, k, s, p, "first" in name)
        for threads in 1, 2:
            torch.set_num_threads(threads)
            for backward in 0, 1:
                flop = forward_flop * (passes if backward else 1)
                ms = {"torch": [], "blocked": [], "plain": []}
                for turn in range(rounds + 1):
                    row = {}
                    for key, f in (("torch", lambda: timed(steps[backward])),
                                   ("blocked", lambda: ask(f"{line} {threads} 0 {backward} {REPEAT}")),
                                   ("plain", lambda: ask(f"{line} {threads} 1 {backward} {REPEAT}"))):
                        time.sleep(0.05)  # idle threads of the one before spin for a while
                        row[key] = f()
                    if turn:  # the first warms up
                        for key, v in row.items():
                            ms[key] += v
                low = {key: min(v) for key, v in ms.items()}
                mid = {key: statistics.median(v) for key, v in ms.items()}
                print(f"{name:16} {threads}t {'fwd+bwd' if backward else 'fwd    '}", end="")
                for key in ms:
                    print(f"  {key} {low[key]:.2f}/{mid[key]:.2f} ({flop / low[key] / 1e6:.0f} GF/s)", end="")
                    if key != "torch":
                        print(f" x{low[key] / low['torch']:.2f} x{mid[key] / mid['torch']:.2f}", end="")
                print(flush=True)
    ours.stdin.close()
    ours.wait()


main()
