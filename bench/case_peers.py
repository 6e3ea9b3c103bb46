"""Whole BraTS cases, side by side: Lacuna, nibabel+numpy, MONAI transforms.

The same work for each: decode four modalities and the segmentation, crop to the
brain, normalise (z-score over the non-zero voxels), draw four foreground
patches of D x H x W = 32 x 64 x 64, write them uncompressed. The peers get as
many processes as Lacuna gets workers; their start and imports are not counted,
Lacuna's whole process is. Rounds are interleaved; medians and ratios are
printed as Markdown.

    go build -o bin/lacuna ./cmd/lacuna
    python bench/case_peers.py --lacuna bin/lacuna --data "$LACUNA_DATA"
"""

import argparse
import multiprocessing
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # one thread a process: the processes are the workers

import nibabel as nib
import numpy as np

MODS = ("flair", "t1", "t1ce", "t2")
SIZE = (64, 64, 32)  # x, y, z
PATCHES = 4


def numpy_case(job):
    folder, out, seed = job
    rng = np.random.default_rng(seed)
    name = folder.name
    vols = [np.asarray(nib.load(folder / f"{name}_{m}.nii.gz").dataobj, dtype=np.float32) for m in MODS]
    seg = np.asarray(nib.load(folder / f"{name}_seg.nii.gz").dataobj).astype(np.uint8)
    brain = np.zeros(seg.shape, bool)
    for v in vols:
        brain |= v != 0
    box = []
    for axis in range(3):
        line = np.flatnonzero(brain.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(line[0], line[-1] + 1))
    vols = [v[tuple(box)] for v in vols]
    seg = seg[tuple(box)]
    for i, v in enumerate(vols):
        mask = v != 0
        inside = v[mask]
        vols[i] = np.where(mask, (v - inside.mean()) / inside.std(), 0).astype(np.float32)
    regions = [np.argwhere(seg == 4), np.argwhere(seg > 0), np.argwhere((seg == 1) | (seg == 4))]
    regions = [r for r in regions if len(r)]
    for k in range(PATCHES):
        at = regions[rng.integers(len(regions))]
        centre = at[rng.integers(len(at))]
        start = [int(np.clip(c - s // 2, 0, max(0, n - s))) for c, s, n in zip(centre, SIZE, seg.shape)]
        cut = tuple(slice(a, a + s) for a, s in zip(start, SIZE))
        np.save(out / f"{name}_{k}_x.npy", np.stack([v[cut] for v in vols]))
        np.save(out / f"{name}_{k}_y.npy", seg[cut])


_monai = None


def monai_case(job):
    global _monai
    folder, out, _ = job
    if _monai is None:
        import torch
        from monai import transforms as T

        torch.set_num_threads(1)
        keys = ["image", "label"]
        _monai = T.Compose([
            T.LoadImaged(keys),
            T.EnsureChannelFirstd(keys),
            T.CropForegroundd(keys, source_key="image", allow_smaller=True),
            T.NormalizeIntensityd("image", nonzero=True, channel_wise=True),
            T.RandCropByPosNegLabeld(keys, label_key="label", spatial_size=SIZE, pos=1, neg=0, num_samples=PATCHES),
        ])
    name = folder.name
    item = {"image": [str(folder / f"{name}_{m}.nii.gz") for m in MODS], "label": str(folder / f"{name}_seg.nii.gz")}
    for k, patch in enumerate(_monai(item)):
        np.save(out / f"{name}_{k}_x.npy", patch["image"].numpy())
        np.save(out / f"{name}_{k}_y.npy", patch["label"].numpy().astype(np.uint8))


def warm(fn):
    """Make a worker import what fn needs before the clock starts."""
    if fn is monai_case:
        import monai.transforms  # noqa: F401


def make_cases(data, where, n):
    """n cases by turns the semi-synthetic and the real one, as links."""
    originals = [next((data / d).glob("*/")) for d in ("brats_semisynthetic", "brats_real")]
    for i in range(n):
        src = originals[i % len(originals)]
        dst = where / f"BraTS20_Training_{i + 1:03d}"
        dst.mkdir(parents=True)
        for m in MODS + ("seg",):
            (dst / f"{dst.name}_{m}.nii.gz").symlink_to((src / f"{src.name}_{m}.nii.gz").resolve())
    return sorted(where.iterdir())


def run_peer(pool, fn, cases, scratch):
    out = scratch / "peer"
    out.mkdir()
    start = time.perf_counter()
    pool.map(fn, [(c, out, i) for i, c in enumerate(cases)], chunksize=1)
    took = time.perf_counter() - start
    shutil.rmtree(out)
    return took


def run_lacuna(binary, folder, workers, scratch, extra=()):
    out = scratch / "shards"
    cmd = [binary, "ingest", "brats", "--in", str(folder), "--out", str(out), "--workers", str(workers),
           "--weights", "100/0/0", "--normalise", "zscore-nonzero", "--patches", str(PATCHES), *extra]
    env = dict(os.environ, GOMAXPROCS=str(workers))
    start = time.perf_counter()
    proc = subprocess.Popen(cmd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    err = proc.stderr.read()
    _, status, usage = os.wait4(proc.pid, 0)
    took = time.perf_counter() - start
    if status != 0:
        sys.exit(f"lacuna failed: {err.decode()}")
    shutil.rmtree(out)
    return took, usage.ru_maxrss / 1024


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lacuna", required=True)
    ap.add_argument("--data", type=pathlib.Path, required=True)
    ap.add_argument("--cases", type=int, default=8)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--no-monai", action="store_true")
    args = ap.parse_args()
    peers = {"nibabel+numpy": numpy_case}
    if not args.no_monai:
        peers["MONAI"] = monai_case
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        cases = make_cases(args.data, tmp / "cases", args.cases)
        times = {}
        for workers in (1, 2):
            pools = {}
            for name, fn in peers.items():
                pools[name] = multiprocessing.get_context("spawn").Pool(workers, initializer=warm, initargs=(fn,))
                run_peer(pools[name], fn, cases[:2], tmp)  # warm-up
            run_lacuna(args.lacuna, tmp / "cases", workers, tmp)
            for _ in range(args.rounds):
                times.setdefault(("Lacuna", workers), []).append(run_lacuna(args.lacuna, tmp / "cases", workers, tmp)[0])
                times.setdefault(("Lacuna, mckd", workers), []).append(
                    run_lacuna(args.lacuna, tmp / "cases", workers, tmp, ["--normalise", "mckd"])[0])
                for name, fn in peers.items():
                    times.setdefault((name, workers), []).append(run_peer(pools[name], fn, cases, tmp))
            for pool in pools.values():
                pool.close()
                pool.join()
        print(f"\n{args.cases} cases, {args.rounds} interleaved rounds, medians\n")
        print("| | cases/s, 1 worker | cases/s, 2 workers | 2 over 1 | Lacuna is faster by (1, 2 workers) |")
        print("|---|---|---|---|---|")
        med = {k: statistics.median(v) for k, v in times.items()}
        for name in ["Lacuna", "Lacuna, mckd", *peers]:
            one, two = med[name, 1], med[name, 2]
            print(f"| {name} | {args.cases / one:.2f} | {args.cases / two:.2f} | {one / two:.2f} | "
                  f"{one / med['Lacuna', 1]:.1f}x, {two / med['Lacuna', 2]:.1f}x |")
        paired = [a / b for a, b in zip(times["Lacuna", 1], times["Lacuna", 2])]
        print(f"\nLacuna, 2 workers over 1, pair by pair: {', '.join(f'{p:.2f}' for p in paired)}")
        print("\nPeak resident memory of Lacuna (2 workers):")
        for n in (4, 40):
            folder = tmp / f"cases{n}"
            make_cases(args.data, folder, n)
            rss = [run_lacuna(args.lacuna, folder, 2, tmp)[1] for _ in range(3)]
            print(f"- {n} cases: {statistics.median(rss):.0f} MiB")
        print(f"\nPeak of the largest peer process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
