"""Writes preprocess/volume/testdata/golden.json: the normalisations by numpy.

Run from the root of the repository, with numpy (any version from 1.20 on):

    python bench/golden_volume.py > preprocess/volume/testdata/golden.json

The volumes are made of whole-number arithmetic, so that golden_test.go makes
the same ones: see volume().
"""

import json
import sys

import numpy as np

SHAPE = (24, 40, 36)
STEP = 331  # every so many voxels one is in the golden


def volume(seed, background, lo, span, divisor):
    """An ellipsoid of noise, with some voxels far too bright."""
    d, h, w = SHAPE
    out = np.full(SHAPE, float(background))
    x = seed
    for z in range(d):
        for y in range(h):
            for c in range(w):
                x = (x * 1664525 + 1013904223) % 2**32
                r = x >> 16
                far = sum((2 * p - n + 1) ** 2 * 1000 // (n * n) for p, n in ((z, d), (y, h), (c, w)))
                if far >= 700:
                    continue
                v = lo + r % span
                if r % 1000 == 0:
                    v = 3 * span + r % 7
                out[z, y, c] = v / divisor
    return out


def mckd(v):
    """Clip at the last bin of 50 voxels, then z-score off the background."""
    counts, _ = np.histogram(v, bins=int(v.max()))
    top = float(np.flatnonzero(counts >= 50)[-1])
    v = np.minimum(v, top)
    inside = v != v[0, 0, 0]
    mean, std = v[inside].mean(), v[inside].std()
    return np.where(inside, (v - mean) / std, 0), top, mean, std


def nonzero(v):
    inside = v != 0
    mean, std = v[inside].mean(), v[inside].std()
    return np.where(inside, (v - mean) / std, 0), None, mean, std


def entry(name, case, result, **more):
    values, top, mean, std = result
    picked = [float(np.float32(x)) for x in values.ravel()[::STEP]]
    return {"name": name, **case, "top": top, "mean": mean, "std": std, "values": picked, **more}


def main():
    cases = {
        "plain": {"seed": 1, "background": 0, "lo": 1, "span": 300, "divisor": 1},
        "negative": {"seed": 2, "background": 0, "lo": -40, "span": 300, "divisor": 1},
        "bright background": {"seed": 3, "background": 7, "lo": 20, "span": 200, "divisor": 1},
        "fractions": {"seed": 4, "background": 0, "lo": 8, "span": 2000, "divisor": 8},
        "negative fractions": {"seed": 5, "background": 0, "lo": -100, "span": 2000, "divisor": 8},
    }
    out = []
    for name, case in cases.items():
        v = volume(**case)
        for norm, f in (("mckd", mckd), ("zscore-nonzero", nonzero)):
            out.append(entry(name, case, f(v), normalisation=norm))
    # Where numpy corrects a bin by its edges, upwards and downwards, and where
    # the largest value, which belongs to the bin before it, fills a bin.
    for name, raw in {
        "edge above": [-60, 90, 10, 30] + [45] * 60,
        "edge below": [-60, 272, 100, 150] + [189] * 60,
        "saturated": [0, 10, 20, 30] + [300] * 60,
    }.items():
        v = np.array(raw, float).reshape(1, 1, -1)
        out.append({**entry(name, {}, mckd(v), normalisation="mckd"), "raw": raw, "values": mckd(v)[0].astype(np.float32).ravel().tolist()})
    # The joint mask of the first two, as if they were the modalities of a case.
    both = np.stack([volume(**cases["plain"]), volume(**cases["negative"])])
    mask = both.sum(0) > 0
    for v, name in zip(both, ("plain", "negative")):
        mean, std = v[mask].mean(), v[mask].std()
        out.append(entry(name, cases[name], ((v - mean) / std, None, mean, std), normalisation="zscore-joint"))
    made = f"bench/golden_volume.py with numpy {np.__version__}"
    json.dump({"_how": made, "shape": SHAPE, "step": STEP, "cases": out}, sys.stdout, indent=None)
    print()


main()
