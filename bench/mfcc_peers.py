"""MFCC side by side on one core: package mfcc, librosa, torchaudio.

The `librosa` definition (2048 points, hop 512, 128 Slaney bands, 20
coefficients, top_db 80), on the first 300 clips of FSDD one by one, and on 60 s
of noise at 16 kHz. Everything runs on the same core, one thread, signals are in
memory as float32. Each round runs each program once, so that a slow minute of
the machine hits all; medians over the rounds are printed, and their ratios.

    LACUNA_DATA=... python bench/mfcc_peers.py [--json] [--rounds 9]
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import librosa
import numpy as np
import soundfile
import torch

# See golden_mfcc.py: builds for different CUDA releases, of which none is used.
torch.version.cuda = None
import torchaudio  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIPS = 300  # as in mfcc/bench_test.go


def lcg(n, seed):
    """As noise in mfcc/bench_test.go."""
    out = np.empty(n, np.float32)
    for i in range(n):
        seed = (seed * 1664525 + 1013904223) % 2**32
        out[i] = (((seed >> 16) ^ 0x8000) - 0x8000) / 65536
    return out


def with_librosa(signals, rate):
    for y in signals:
        librosa.feature.mfcc(y=y, sr=rate, n_mfcc=20)


def with_torchaudio(signals, rate):
    m = torchaudio.transforms.MFCC(
        rate, n_mfcc=20,
        melkwargs=dict(n_fft=2048, hop_length=512, n_mels=128, norm="slaney", mel_scale="slaney", pad_mode="constant"))
    signals = [torch.from_numpy(y) for y in signals]

    def run():
        with torch.inference_mode():
            for y in signals:
                m(y)
    return run


def seconds(run, least=0.3):
    """Seconds a run, of as many as take `least`."""
    start = time.perf_counter()
    n = 0
    while (spent := time.perf_counter() - start) < least:
        run()
        n += 1
    return spent / n


def seconds_go(binary, bench):
    out = subprocess.run(
        [binary, "-test.run", "^$", "-test.bench", f"^{bench}$", "-test.benchtime", "0.3s"],
        env={**os.environ, "GOMAXPROCS": "1"}, cwd=ROOT / "mfcc", check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\S+) ns/op", out)
    if not found:
        sys.exit(f"no figure from {bench}: is LACUNA_DATA set?\n{out}")
    return float(found.group(1)) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # clips shorter than the transform
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # and the children's
    torch.set_num_threads(1)

    data = os.environ.get("LACUNA_DATA") or sys.exit("set LACUNA_DATA to the folder of test data")
    os.environ["LACUNA_DATA"] = str(pathlib.Path(data).resolve())
    files = sorted(pathlib.Path(data, "fsdd", "recordings").glob("*.wav"))[:CLIPS]
    work = {
        "FSDD clips": ("BenchmarkLibrosaFSDD", [soundfile.read(f, dtype="float32")[0] for f in files], 8000),
        "60 s at 16 kHz": ("BenchmarkLibrosaLong", [lcg(60 * 16000, 1)], 16000),
    }
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        binary = os.path.join(tmp, "mfcc.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./mfcc"], cwd=ROOT, check=True)
        for title, (bench, signals, rate) in work.items():
            runs = {
                "lacuna": None,
                "torchaudio": with_torchaudio(signals, rate),
                "librosa": lambda s=signals, r=rate: with_librosa(s, r),
            }
            for run in runs.values():
                if run:
                    run()  # caches, plans, imports
            times = {name: [] for name in runs}
            for _ in range(args.rounds):
                for name, run in runs.items():
                    times[name].append(seconds(run) if run else seconds_go(binary, bench))
            frames = sum(1 + len(y) // 512 for y in signals)
            median = {name: statistics.median(t) for name, t in times.items()}
            for name, t in times.items():
                rows.append({
                    "work": title, "program": name, "ms": median[name] * 1e3, "ms_min": min(t) * 1e3, "ms_max": max(t) * 1e3,
                    "us_per_frame": median[name] / frames * 1e6, "signals_per_s": len(signals) / median[name],
                    "times_lacuna": median[name] / median["lacuna"]})
    versions = {m.__name__: m.__version__ for m in (librosa, torchaudio, torch, np)}
    if args.json:
        print(json.dumps({"rounds": args.rounds, "versions": versions, "rows": rows}, indent=1))
        return
    print(f"One core, medians of {args.rounds} interleaved rounds; " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".\n")
    print("| work | program | ms | min-max | us a frame | signals/s | times lacuna |\n|---|---|--:|--:|--:|--:|--:|")
    for r in rows:
        print("| {work} | {program} | {ms:.2f} | {ms_min:.2f}-{ms_max:.2f} | {us_per_frame:.2f} | {signals_per_s:.0f} | {times_lacuna:.1f} |".format(**r))


if __name__ == "__main__":
    main()
