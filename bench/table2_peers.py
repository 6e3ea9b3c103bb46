"""Trains cells of Table 2 in PyTorch, over seeds, to tell what the protocol gives
from what an implementation of it adds.

    python bench/table2_peers.py DATA [--hide image] [--rates 5,20] [--alphas 0,0.1] [--seeds 30]

DATA is a data set of shards that `lacuna ingest avdigits --pairing paper` made. The
published network and steps are those of torch_nets.py and run_peers.py, with
PyTorch's own initial values, dropout and order of samples: only the shards are
Lacuna's. A modality is hidden in all but so many percent of the training pairs and in
the test; alpha 0 is no distillation, rate 0 with it the modality alone (LowerB).

Prints the accuracy of the last step in %: mean and standard deviation (sample).
"""

import argparse
import statistics

import torch

from run_peers import keep, load, train
from torch_nets import impute


@torch.no_grad()
def accuracy(net, inputs, target, hidden):
    net.eval()
    present = torch.ones(len(target), 2, dtype=torch.bool)
    present[:, hidden] = False
    answer = net.decode(impute(net.encode(inputs, present), present), None).argmax(1)
    return 100 * (answer == target).float().mean().item()


def numbers(text):
    return [float(v) for v in text.split(",")]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("--hide", choices=["image", "audio"], default="image")
    p.add_argument("--rates", type=numbers, default=[5, 20])
    p.add_argument("--alphas", type=numbers, default=[0, 0.1])
    p.add_argument("--seeds", type=int, default=30)
    p.add_argument("--epochs", type=int, default=60)
    o = p.parse_args()
    torch.set_num_threads(1)
    hidden = ["image", "audio"].index(o.hide)
    data, held_out, test = (load(o.data, split) for split in ("train", "val", "test"))
    for rate in o.rates:
        for alpha in o.alphas:
            scores = []
            for seed in range(1, o.seeds + 1):
                torch.manual_seed(seed)
                net = train(data, keep(len(data[1]), hidden, rate), held_out, o.epochs, seed, alpha, drop_last=True)
                net.drop = lambda x, _: x
                scores.append(accuracy(net, *test, hidden))
            print(f"{o.hide} for {rate:g} %, alpha {alpha:g}: {statistics.mean(scores):.2f} +- {statistics.stdev(scores):.2f}"
                  f" over {o.seeds} seeds", flush=True)


if __name__ == "__main__":
    main()
