"""Writes validate/metrics/testdata: scores of masks by MONAI, tests by scipy.

Run from the root of the repository, with monai, torch and scipy:

    python bench/golden_metrics.py          # the goldens
    python bench/golden_metrics.py --time   # nothing written: MONAI's time and ours

masks.json has pairs of masks (their bits, first voxel in the highest, deflated
by zlib, in base64) with MONAI's Dice and 95 % Hausdorff distance, which are
float32, and the same distance by scipy's distance transform in float64.
paired.json has paired samples with scipy's tests, wilson.json proportions with
its intervals, bootstrap.json samples with its percentile intervals.
"""

import base64
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
import zlib

import monai
import numpy as np
import scipy
import torch
from monai.metrics import DiceMetric, compute_hausdorff_distance
from scipy import ndimage, stats

OUT = pathlib.Path("validate/metrics/testdata")
MADE = f"bench/golden_metrics.py with monai {monai.__version__}, torch {torch.__version__}, scipy {scipy.__version__}, numpy {np.__version__}"


def write(name, **content):
    with open(OUT / name, "w") as f:
        json.dump({"_how": MADE, **content}, f, indent=None)
        f.write("\n")


def number(x):
    """JSON has no NaN."""
    return None if math.isnan(x) else x


# --- masks

EMPTY = (7, 9, 11)


def empty():
    return np.zeros(EMPTY, bool)


def box(shape, lo, hi):
    m = np.zeros(shape, bool)
    m[tuple(slice(a, b) for a, b in zip(lo, hi))] = True
    return m


def ball(shape, centre, radii):
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii)) <= 1


def noise(shape, share, seed):
    return np.random.default_rng(seed).random(shape) < share


def blob(shape, seed, sigma=2.0, level=0.55):
    v = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    return v > np.quantile(v, level)


def pairs():
    one = box(EMPTY, (3, 4, 5), (4, 5, 6))
    corner = box(EMPTY, (0, 0, 0), (1, 1, 1))
    full = np.ones(EMPTY, bool)
    yield "both empty", (1, 1, 1), empty(), empty()
    yield "prediction empty", (1, 1, 1), empty(), one
    yield "truth empty", (1, 1, 1), one, empty()
    yield "the same voxel", (1, 1, 1), one, one
    yield "two voxels", (1, 1, 1), one, corner
    yield "two voxels, anisotropic", (5, 0.9375, 0.5), one, corner
    yield "full against one voxel", (1, 2, 3), full, one
    yield "full against full", (1, 1, 1), full, full
    yield "opposite corners", (2.5, 1.1, 0.7), corner, corner[::-1, ::-1, ::-1]
    yield "touching all borders", (1, 1, 1), box(EMPTY, (0, 2, 2), (7, 6, 6)), box(EMPTY, (2, 0, 0), (5, 9, 11))
    yield "one plane", (3, 1, 1), box(EMPTY, (3, 0, 0), (4, 9, 11)), box(EMPTY, (5, 2, 2), (6, 7, 9))
    yield "one line against one line", (1, 1, 1), box(EMPTY, (3, 4, 0), (4, 5, 11)), box(EMPTY, (0, 4, 5), (7, 5, 6))
    yield "disjoint", (1, 1, 1), box(EMPTY, (0, 0, 0), (2, 3, 3)), box(EMPTY, (5, 6, 8), (7, 9, 11))
    yield "a hole", (1, 1, 1), box(EMPTY, (1, 1, 1), (6, 8, 10)) ^ box(EMPTY, (3, 4, 5), (4, 5, 6)), box(EMPTY, (1, 1, 1), (6, 8, 10))
    yield "chequered", (1, 1, 1), np.indices(EMPTY).sum(0) % 2 == 0, np.indices(EMPTY).sum(0) % 2 == 1
    yield "a single row of voxels", (1, 1, 1), box((1, 1, 9), (0, 0, 0), (1, 1, 2)), box((1, 1, 9), (0, 0, 7), (1, 1, 9))
    yield "one plane deep", (1, 0.8, 1.3), box((1, 12, 12), (0, 0, 3), (1, 5, 8)), box((1, 12, 12), (0, 6, 6), (1, 12, 12))
    for i, (spacing, share) in enumerate([((1, 1, 1), 0.01), ((4, 1, 1), 0.05), ((0.3, 2, 1.7), 0.3), ((1, 1, 1), 0.9)]):
        shape = (9, 12, 10)
        yield f"noise of {share}", spacing, noise(shape, share, 2 * i), noise(shape, share, 2 * i + 1)
    shape = (20, 26, 24)
    whole = ball(shape, (9, 13, 12), (7, 9, 8))
    yield "shifted ball", (1, 1, 1), np.roll(whole, 2, 2), whole
    yield "shrunk ball, anisotropic", (2.2, 0.9375, 0.9375), ball(shape, (9, 13, 12), (5, 7, 7)), whole
    stray = whole.copy()
    stray[19, 25, 23] = True
    yield "one stray voxel", (1, 1, 1), stray, whole
    yield "noise against a ball", (1, 1, 1), noise(shape, 0.02, 99), whole
    for i, spacing in enumerate([(1, 1, 1), (1, 1, 1), (3, 0.75, 0.75), (0.6, 0.7, 2.9)]):
        yield f"blobs {i}", spacing, blob(shape, 10 + i), blob(shape, 20 + i, 3.0)


def bits(m):
    return base64.b64encode(zlib.compress(np.packbits(m.ravel()).tobytes(), 9)).decode()


def scipy_hd95(pred, truth, spacing):
    """The definition, in float64."""
    if not pred.any() or not truth.any():
        return math.nan
    p, t = (m & ~ndimage.binary_erosion(m) for m in (pred, truth))
    return max(np.percentile(ndimage.distance_transform_edt(~b, sampling=spacing)[a], 95) for a, b in ((p, t), (t, p)))


def masks():
    out = []
    for name, spacing, pred, truth in pairs():
        p, t = (torch.tensor(np.ascontiguousarray(m))[None, None].float() for m in (pred, truth))
        dice = {ignore: DiceMetric(include_background=True, reduction="none", ignore_empty=ignore)(p, t).item() for ignore in (True, False)}
        hd95 = compute_hausdorff_distance(p, t, include_background=True, percentile=95, directed=False, spacing=[float(s) for s in spacing]).item()
        out.append({
            "name": name, "shape": list(pred.shape), "spacing": list(spacing), "pred": bits(pred), "truth": bits(truth),
            "monai_dice": number(dice[True]), "monai_dice_ignore_empty_false": number(dice[False]),
            "monai_hd95": number(hd95), "scipy_hd95": number(scipy_hd95(pred, truth, spacing)),
        })
    write("masks.json", cases=out)


# --- statistics


def paired():
    rng = np.random.default_rng(7)
    cases = {
        "five": (rng.normal(1, 1, 5), rng.normal(0, 1, 5)),
        "fifteen, clear": (rng.normal(3, 1, 15), rng.normal(0, 1, 15)),
        "ten, accuracies of 450 items": (rng.integers(415, 428, 10) / 450, rng.integers(410, 425, 10) / 450),
        "twelve, ties and zeros": (rng.integers(0, 5, 12).astype(float), rng.integers(0, 5, 12).astype(float)),
        "fifty": (rng.normal(0.2, 1, 50), rng.normal(0, 1, 50)),
        "fifty-one": (rng.normal(0.2, 1, 51), rng.normal(0, 1, 51)),
        "two hundred, ties and zeros": (rng.integers(0, 9, 200).astype(float), rng.integers(0, 8, 200).astype(float)),
        "all one way": (np.arange(1.0, 9), np.zeros(8)),
        "two": (np.array([1.0, 2.5]), np.array([0.5, 3.5])),
    }
    out = []
    for name, (a, b) in cases.items():
        t = stats.ttest_rel(a, b)
        n = int(np.count_nonzero(a - b))
        if n > 50:
            w = stats.wilcoxon(a, b, correction=False, method="asymptotic")
        elif len(np.unique(np.abs(a - b)[a != b])) == n == len(a):
            w = stats.wilcoxon(a, b, method="exact")
        else:  # all signs of the differences that are not 0
            d = (a - b)[a != b]
            assert len(d) <= 13
            w = stats.wilcoxon(d, method=stats.PermutationMethod(n_resamples=np.inf))
        out.append({"name": name, "a": a.tolist(), "b": b.tolist(), "t": t.statistic, "t_p": t.pvalue,
                    "w": float(w.statistic), "w_p": float(w.pvalue), "w_n": n})
    write("paired.json", cases=out)


def wilson():
    out = []
    for right, n in [(0, 1), (1, 1), (0, 450), (450, 450), (1, 450), (421, 450), (13, 20), (5000, 10000)]:
        for level in (0.95, 0.99):
            ci = stats.binomtest(right, n).proportion_ci(level, method="wilson")
            out.append({"right": right, "n": n, "z": stats.norm.ppf((1 + level) / 2), "lo": ci.low, "hi": ci.high})
    write("wilson.json", cases=out)


def bootstrap():
    rng = np.random.default_rng(3)
    out = []
    for name, v in {"twenty": rng.normal(1, 2, 20), "skewed": rng.exponential(3, 60), "few": np.array([1.0, 2, 4, 8, 16])}.items():
        ci = stats.bootstrap((v,), np.mean, n_resamples=200_000, method="percentile", rng=np.random.default_rng(1), batch=20_000).confidence_interval
        out.append({"name": name, "values": v.tolist(), "lo": ci.low, "hi": ci.high})
    write("bootstrap.json", cases=out)


# --- time

ROUNDS = 5


def bench_masks():
    """The masks of validate/metrics/bench_test.go, up to chance."""
    shape = (155, 240, 240)
    truth, pred = ball(shape, (72, 118, 104), (32, 32, 32)), ball(shape, (70, 120, 100), (30, 30, 30))
    yield "tumour", pred, truth
    for name, n in (("strays", 20), ("noise", 1_000_000)):
        m = pred.copy()
        m.ravel()[np.random.default_rng(1).integers(0, m.size, n)] = True
        yield name, m, truth


def side_by_side():
    """Prints medians over the rounds, each of which runs both once, on one core."""
    torch.set_num_threads(1)
    cases = {n: [torch.tensor(m)[None, None].float() for m in pair] for n, *pair in bench_masks()}
    ours, theirs = {n: [] for n in cases}, {n: [] for n in cases}
    with tempfile.TemporaryDirectory() as tmp:
        binary = f"{tmp}/metrics.test"
        subprocess.run(["go", "test", "-c", "-o", binary, "./validate/metrics"], check=True)
        for _ in range(ROUNDS):
            text = subprocess.run([binary, "-test.run=^$", "-test.bench=HD95", "-test.cpu=1", "-test.benchtime=0.3s"],
                                  check=True, capture_output=True, text=True).stdout
            for name, ns in re.findall(r"^BenchmarkHD95/(\w+)\s+\d+\s+(\d+) ns/op", text, re.M):
                ours[name].append(int(ns) / 1e6)
            for name, (p, t) in cases.items():
                start = time.perf_counter()
                compute_hausdorff_distance(p, t, include_background=True, percentile=95)
                theirs[name].append((time.perf_counter() - start) * 1e3)
    for name in cases:
        a, b = statistics.median(ours[name]), statistics.median(theirs[name])
        print(f"HD95 {name}: {a:.1f} ms, MONAI {b:.1f} ms, {b / a:.1f} times")


warnings.simplefilter("ignore")
if "--time" in sys.argv:
    side_by_side()
else:
    masks()
    paired()
    wilson()
    bootstrap()
