"""Times whole steps of training beside PyTorch on the CPU, in turns.

    (cd bench && go build -o ../steppeer ./steppeer)
    (cd bench/gorgonia && go build -o ../../gorgoniapeer .)
    python3 bench/step_peers.py ./steppeer [--only avnet | unet3d | memory]
        [--rounds 7] [--devices cpu,opencl] [--gorgonia ./gorgoniapeer] [--alone]

avnet is the net of the digits at batch 32 (Adam), unet3d the U-Net of width 8
with 4 modalities of 32x64x64 at batch 2 (SGD, Dice + BCE), both with
distillation and nothing missing. The same model, losses and batches are in
torch_nets.py; PyTorch runs it in all ways that a user would try, eager, and the
fastest counts. Each round times one side after the other, so that both see the
same noise; on a machine that others use too, set OMP_WAIT_POLICY=PASSIVE, or
PyTorch's threads spin away each other's time; --alone leaves PyTorch out, to
compare devices with each other. Gorgonia has a part in avnet alone,
and does without distillation.

memory is of unet3d: how far the peak of a process's memory, VmHWM, is above
what it was before the network was made, after 5 steps with 2 threads, each side
in a process of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import torch

from torch_nets import AVNet, UNet3d, dice_bce, step

ARGS = {"avnet": ["32"], "unet3d": ["2", "8", "32", "64", "64"]}
REPEAT = {"avnet": 10, "unet3d": 2}
WAYS = {
    "avnet": [("plain", {}), ("fused", {"fused": True}), ("foreach", {"foreach": True})],
    "unet3d": [("plain", {}), ("channels_last", {"last": True})],
}


def made_up(*shape):
    n = torch.Size(shape).numel()
    return ((torch.arange(n) * 7919 % 101) / 50 - 1).view(shape)


def torch_job(name, fused=None, foreach=None, last=False):
    """A function that does a step."""
    torch.manual_seed(1)
    if name == "avnet":
        net = AVNet()
        inputs = [made_up(32, 1, 28, 28), made_up(32, 1, 20, 20)]
        target, loss = torch.arange(32) % 10, torch.nn.functional.cross_entropy
        optimiser = torch.optim.Adam(net.parameters(), 1e-3, weight_decay=1e-2, fused=fused, foreach=foreach)
    else:
        net = UNet3d(4)
        inputs, loss = made_up(2, 4, 32, 64, 64), dice_bce
        labels = (torch.arange(32 * 64 * 64) // 7 % 4).view(1, 32, 64, 64).expand(2, -1, -1, -1)
        target = torch.stack([labels == 3, labels > 0, labels % 2 == 1], 1).float()
        optimiser = torch.optim.SGD(net.parameters(), 1e-2, momentum=0.99, nesterov=True)
    if last:
        net = net.to(memory_format=torch.channels_last_3d)
    net.train()
    m = 2 if name == "avnet" else 4
    size = 32 if name == "avnet" else 2
    coef = (0.1 / size * (1 - torch.eye(m))).expand(size, m, m)
    return lambda: step(net, optimiser, inputs, None, target, loss, coef)


class Peer:
    """A program that is told device, workers, repetitions, and answers times."""

    def __init__(self, *command, threads=2):
        env = {**os.environ, "POCL_MAX_PTHREAD_COUNT": str(threads)}  # PoCL's are fixed when it starts
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def ask(self, device, workers, repeat):
        self.process.stdin.write(f"{device} {workers} {repeat}\n")
        self.process.stdin.flush()
        return [int(v) / 1e6 for v in self.process.stdout.readline().split()]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def timed(f, repeat):
    out = []
    for _ in range(repeat):
        start = time.perf_counter()
        f()
        out.append((time.perf_counter() - start) * 1e3)
    return out


def compare(o, name):
    ways = [] if o.alone else [(way, torch_job(name, **how)) for way, how in WAYS[name]]
    repeat = REPEAT[name]
    for threads in 1, 2:
        torch.set_num_threads(threads)
        sides = {f"torch {way}": (lambda f=f: timed(f, repeat)) for way, f in ways}
        peers = {d: Peer(o.binary, name, *ARGS[name], threads=threads) for d in o.devices}
        sides |= {d: (lambda d=d: peers[d].ask(d, threads, repeat)) for d in o.devices}
        if o.gorgonia and name == "avnet":
            peers["gorgonia"] = Peer(o.gorgonia)
            sides["gorgonia"] = lambda: peers["gorgonia"].ask("cpu", threads, 3)
        ms = {side: [] for side in sides}
        for turn in range(o.rounds + 1):
            for side, f in sides.items():
                time.sleep(0.05)  # idle threads of the one before spin for a while
                v = f()
                if turn:  # the first warms up
                    ms[side] += v
        low = {side: min(v) for side, v in ms.items()}
        mid = {side: statistics.median(v) for side, v in ms.items()}
        best = [min((t[s] for s in t if s.startswith("torch")), default=None) for t in (low, mid)]
        print(f"{name} {threads} threads", end="")
        for side in sides:
            print(f"  {side} {low[side]:.1f}/{mid[side]:.1f}", end="")
            if not o.alone and not side.startswith("torch"):
                print(f" x{low[side] / best[0]:.2f} x{mid[side] / best[1]:.2f}", end="")
            if side in o.devices[1:]:
                first = o.devices[0]
                print(f" ({first} x{low[side] / low[first]:.2f} x{mid[side] / mid[first]:.2f})", end="")
        print(flush=True)
        for p in peers.values():
            p.end()


def peak(pid):
    """The peak of a process's memory in MiB."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def memory(o):
    if not o.binary:  # PyTorch's side
        torch.set_num_threads(2)
        made_up(1 << 20)  # the library is there
        before = peak(os.getpid())
        timed(torch_job("unet3d"), 5)
        print(before, peak(os.getpid()))
        return
    out = subprocess.run([sys.executable, __file__, "", "--only", "memory"], capture_output=True, text=True, check=True).stdout
    before, after = map(float, out.split())
    theirs = after - before
    print(f"unet3d peak memory, MiB above the start: torch {theirs:.0f} (of {after:.0f})", end="")
    for d in o.devices:
        ours = Peer(o.binary, "unet3d", *ARGS["unet3d"])
        time.sleep(0.2)
        before = peak(ours.process.pid)
        ours.ask(d, 2, 5)
        after = peak(ours.process.pid)
        print(f"  {d} {after - before:.0f} (of {after:.0f}) x{(after - before) / theirs:.2f}", end="")
        ours.end()
    print()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("binary")
    p.add_argument("--only", choices=[*ARGS, "memory"])
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--devices", type=lambda s: s.split(","), default=["cpu"])
    p.add_argument("--gorgonia")
    p.add_argument("--alone", action="store_true", help="without PyTorch's steps")
    o = p.parse_args()
    if o.binary:
        to = "" if o.alone else f", ratios to the fastest of torch {torch.__version__}"
        print(f"min / median ms of a step{to}; in brackets to the first device, of minima and of medians")
    for name in ARGS:
        if o.only in (name, None):
            compare(o, name)
    if o.only in ("memory", None):
        memory(o)


main()
