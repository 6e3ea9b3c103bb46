"""Whole BraTS cases, side by side: Lacuna, nibabel+numpy, MONAI transforms.

The same work for each: decode four modalities and the segmentation, crop to the
brain, normalise, draw four foreground patches of D x H x W = 32 x 64 x 64, write
them uncompressed. Two recipes:

- z-score: over the non-zero voxels, after the crop, as nnU-Net does. In numpy,
  and in MONAI's transforms.
- mckd: Lacuna's default. In numpy as MCKD's data loader has it, which does not
  crop: numpy.histogram with int(max) bins over the whole volume, the top clip,
  then z-score of what is not the background.

Each does it in the order that suits it: Lacuna keeps volumes packed, counts their
intensities, and scales nothing but the patches; what it writes is the same to the
bit as if it had scaled the whole. The scripts do what such scripts do.

The peers get as many processes as Lacuna gets workers; their start and imports
are not counted, Lacuna's whole process is. Rounds are interleaved, one and two
workers by turns, and every side is measured in wall clock and in CPU seconds (user and system, of all its
processes): on a busy machine the latter is the steadier. Medians and ratios are
printed as Markdown, then peak memory for 4 and for 40 cases.

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


def numpy_load(folder):
    name = folder.name
    vols = [np.asarray(nib.load(folder / f"{name}_{m}.nii.gz").dataobj, dtype=np.float32) for m in MODS]
    seg = np.asarray(nib.load(folder / f"{name}_seg.nii.gz").dataobj).astype(np.uint8)
    return vols, seg


def numpy_zscore(folder):
    vols, seg = numpy_load(folder)
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
    return vols, seg


def numpy_mckd(folder):
    vols, seg = numpy_load(folder)
    for i, v in enumerate(vols):
        counts, _ = np.histogram(v, bins=int(v.max()))
        top = np.flatnonzero(counts >= 50)[-1]
        v = np.minimum(v, np.float32(top))
        mask = v != v[0, 0, 0]
        inside = v[mask]
        vols[i] = np.where(mask, (v - inside.mean()) / inside.std(), 0).astype(np.float32)
    return vols, seg


def numpy_patches(vols, seg, name, out, rng):
    regions = [np.argwhere(seg == 4), np.argwhere(seg > 0), np.argwhere((seg == 1) | (seg == 4))]
    regions = [r for r in regions if len(r)]
    for k in range(PATCHES):
        at = regions[rng.integers(len(regions))]
        centre = at[rng.integers(len(at))]
        start = [int(np.clip(c - s // 2, 0, max(0, n - s))) for c, s, n in zip(centre, SIZE, seg.shape)]
        cut = tuple(slice(a, a + s) for a, s in zip(start, SIZE))
        np.save(out / f"{name}_{k}_x.npy", np.stack([v[cut] for v in vols]))
        np.save(out / f"{name}_{k}_y.npy", seg[cut])


def zscore_case(job):
    folder, out, seed = job
    numpy_patches(*numpy_zscore(folder), folder.name, out, np.random.default_rng(seed))


def mckd_case(job):
    folder, out, seed = job
    numpy_patches(*numpy_mckd(folder), folder.name, out, np.random.default_rng(seed))


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


def timed(job):
    """A case and the CPU seconds that it took."""
    fn, args = job
    before = time.process_time()
    fn(args)
    return time.process_time() - before


def run_peer(pool, fn, cases, scratch):
    """Wall and CPU seconds."""
    out = scratch / "peer"
    out.mkdir()
    start = time.perf_counter()
    cpu = pool.map(timed, [(fn, (c, out, i)) for i, c in enumerate(cases)], chunksize=1)
    took = time.perf_counter() - start
    shutil.rmtree(out)
    return took, sum(cpu)


def run_lacuna(binary, folder, workers, scratch, normalise):
    """Wall and CPU seconds, and peak resident MiB."""
    out = scratch / "shards"
    cmd = [binary, "ingest", "brats", "--in", str(folder), "--out", str(out), "--workers", str(workers),
           "--weights", "100/0/0", "--patches", str(PATCHES), "--normalise", normalise]
    env = dict(os.environ, GOMAXPROCS=str(workers))
    start = time.perf_counter()
    proc = subprocess.Popen(cmd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    err = proc.stderr.read()
    _, status, usage = os.wait4(proc.pid, 0)
    took = time.perf_counter() - start
    if status != 0:
        sys.exit(f"lacuna failed: {err.decode()}")
    shutil.rmtree(out)
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


OURS = {"Lacuna, z-score": "zscore-nonzero", "Lacuna, mckd": "mckd"}
PEERS = {  # and whom of ours each is compared with
    "nibabel+numpy, z-score": (zscore_case, "Lacuna, z-score"),
    "MONAI, z-score": (monai_case, "Lacuna, z-score"),
    "nibabel+numpy, mckd": (mckd_case, "Lacuna, mckd"),
}


def measure(args, tmp, peers, cases):
    """{(name, workers): [(wall, CPU), ...]}, interleaved."""
    times, pools = {}, {}
    for workers in (1, 2):
        for name, (fn, _) in peers.items():
            pool = multiprocessing.get_context("spawn").Pool(workers, initializer=warm, initargs=(fn,))
            run_peer(pool, fn, cases[:2], tmp)  # warm-up
            pools[name, workers] = pool
        run_lacuna(args.lacuna, tmp / "cases", workers, tmp, "mckd")
    for _ in range(args.rounds):
        for name, norm in OURS.items():
            for workers in (1, 2):
                times.setdefault((name, workers), []).append(run_lacuna(args.lacuna, tmp / "cases", workers, tmp, norm)[:2])
        for name, (fn, _) in peers.items():
            for workers in (1, 2):
                times.setdefault((name, workers), []).append(run_peer(pools[name, workers], fn, cases, tmp))
    for pool in pools.values():
        pool.close()
        pool.join()
    return times


def report(args, peers, times):
    wall = {k: statistics.median(t[0] for t in v) for k, v in times.items()}
    cpu = {k: statistics.median(t[1] for t in v) for k, v in times.items()}
    n = args.cases
    print(f"\n{n} cases, {args.rounds} interleaved rounds, medians\n")
    print("| | cases/s, 1 and 2 workers | 2 over 1 | CPU s a case, 1 and 2 | Lacuna is faster by: wall, 1 and 2 | CPU, 1 and 2 |")
    print("|---|---|---|---|---|---|")
    for name in [*OURS, *peers]:
        row = f"| {name} | {n / wall[name, 1]:.2f}, {n / wall[name, 2]:.2f} | {wall[name, 1] / wall[name, 2]:.2f} | "
        row += f"{cpu[name, 1] / n:.3f}, {cpu[name, 2] / n:.3f} | "
        if name in peers:
            ours = peers[name][1]
            row += " | ".join(", ".join(f"{m[name, w] / m[ours, w]:.1f}x" for w in (1, 2)) for m in (wall, cpu)) + " |"
        else:
            row += " | |"
        print(row)
    for ours in OURS:
        paired = [a[0] / b[0] for a, b in zip(times[ours, 1], times[ours, 2])]
        print(f"\n{ours}, 2 workers over 1, pair by pair: {', '.join(f'{p:.2f}' for p in paired)}")


def memory(args, tmp):
    print("\nPeak resident memory of Lacuna, medians of 3:\n")
    print("| cases | 1 worker | 2 workers |")
    print("|---|---|---|")
    for n in (4, 40):
        folder = tmp / f"cases{n}"
        make_cases(args.data, folder, n)
        rss = [statistics.median(run_lacuna(args.lacuna, folder, w, tmp, "mckd")[2] for _ in range(3)) for w in (1, 2)]
        print(f"| {n} | {rss[0]:.0f} MiB | {rss[1]:.0f} MiB |")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lacuna", required=True)
    ap.add_argument("--data", type=pathlib.Path, required=True)
    ap.add_argument("--cases", type=int, default=8)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--no-monai", action="store_true")
    ap.add_argument("--no-peers", action="store_true", help="Lacuna alone: two workers over one")
    args = ap.parse_args()
    args.lacuna = os.path.abspath(args.lacuna)
    peers = {k: v for k, v in PEERS.items() if not args.no_peers and not (args.no_monai and v[0] is monai_case)}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        cases = make_cases(args.data, tmp / "cases", args.cases)
        report(args, peers, measure(args, tmp, peers, cases))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # the largest of all so far: a peer's
        memory(args, tmp)
        if peers:
            print(f"\nPeak of the largest peer process: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
