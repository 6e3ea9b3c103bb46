#!/usr/bin/env python3
"""Shards side by side: Lacuna, MosaicML Streaming, WebDataset, LitData, HF datasets.

    pip install -r bench/requirements-shards.txt
    python bench/shard_peers.py [--samples 256] [--rounds 5] [--peer NAME]... [--json]

Every program stores the same samples: 4 modalities of 32 x 64 x 64 float32 and a
uint8 label map, normal noise, 2.2 MB each, which are in memory before the clock
starts. Each round runs each program once, in a process of its own with one
thread, in turn, so that a slow minute of the machine hits all. Medians over the
rounds are printed as Markdown, and ratios to the reference: the bytes written to
one file, and that file mapped.

write        from samples in memory to files that are synced: programs that do
             not sync have it done for them, inside the clock. Lacuna also makes
             SHA-256, XXH3 and statistics; its two rows are with as many threads
             as there are cores, and with one.
first read   opening, and one pass that sums every float32; the files are in the
             page cache. Lacuna compares checksums in it.
read         a second pass.
random       a sample at a random place of a data set just opened, one value of
             each page of it touched; a WebDataset can't.

All programs run here. `pyarrow on lacuna` is what a Python user has of Lacuna's
shards: no checksum is compared then. `lacuna` is bench/shardpeer, in Go.
LitData is written by its Cache, without the processes that `optimize` starts.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPE = (4, 32, 64, 64)
VOXELS = 32 * 64 * 64
SAMPLE = 4 * 4 * VOXELS + VOXELS


def samples(path):
    """The samples of a file, each an array of modalities and one of labels."""
    raw = np.fromfile(path, np.uint8).reshape(-1, SAMPLE)
    return [(np.ascontiguousarray(r[: 16 * VOXELS]).view(np.float32).reshape(SHAPE), r[16 * VOXELS :].reshape(SHAPE[1:]).copy()) for r in raw]


class Streaming:
    name = "MosaicML Streaming"
    package = "streaming"

    @staticmethod
    def write(path, data):
        from streaming import MDSWriter

        columns = {"x": "ndarray:float32:4,32,64,64", "y": "ndarray:uint8:32,64,64"}
        with MDSWriter(out=path, columns=columns) as w:
            for x, y in data:
                w.write({"x": x, "y": y})

    @staticmethod
    def open(path):
        from streaming import StreamingDataset

        d = StreamingDataset(local=path, batch_size=1, shuffle=False)
        return (lambda: (s["x"] for s in d)), (lambda i: d[i]["x"]), len(d)


class WebDataset:
    name = "WebDataset"
    package = "webdataset"

    @staticmethod
    def write(path, data):
        import webdataset

        os.makedirs(path)
        with webdataset.ShardWriter(os.path.join(path, "%05d.tar"), maxsize=256 << 20, verbose=0) as w:
            for i, (x, y) in enumerate(data):
                w.write({"__key__": f"s{i:06d}", "x.npy": x, "y.npy": y})

    @staticmethod
    def open(path):
        import webdataset

        urls = sorted(str(p) for p in pathlib.Path(path).glob("*.tar"))
        d = webdataset.WebDataset(urls, shardshuffle=False).decode()
        return (lambda: (s["x.npy"] for s in d)), None, None


class LitData:
    name = "LitData"
    package = "litdata"

    @staticmethod
    def write(path, data):
        from litdata.streaming.cache import Cache

        os.makedirs(path)
        cache = Cache(path, chunk_bytes=64 << 20)
        for i, (x, y) in enumerate(data):
            cache[i] = {"x": x, "y": y}
        cache.done()
        cache.merge()

    @staticmethod
    def open(path):
        import litdata

        d = litdata.StreamingDataset(path, shuffle=False, max_cache_size="100GB")
        return (lambda: (s["x"] for s in d)), (lambda i: d[i]["x"]), len(d)


class HFDatasets:
    name = "HF datasets"
    package = "datasets"

    @staticmethod
    def write(path, data):
        import datasets

        datasets.disable_progress_bars()
        features = datasets.Features({"x": datasets.Array4D(SHAPE, "float32"), "y": datasets.Array3D(SHAPE[1:], "uint8")})
        with datasets.arrow_writer.ArrowWriter(features=features, path=path + ".arrow", writer_batch_size=16) as w:
            for x, y in data:
                w.write({"x": x, "y": y})
            w.finalize()

    @staticmethod
    def open(path):
        import datasets

        d = datasets.Dataset.from_file(path + ".arrow").with_format("numpy", columns=["x"])
        return (lambda: (s["x"] for s in d)), (lambda i: d[i]["x"]), len(d)


class Pyarrow:
    """Reads what Lacuna wrote."""

    name = "pyarrow on lacuna"
    package = "pyarrow"

    @staticmethod
    def open(path):
        import pyarrow as pa

        with open(os.path.join(path, "manifest.json"), encoding="utf-8") as f:
            m = json.load(f)
        readers = [pa.ipc.open_file(pa.memory_map(os.path.join(path, f["name"]))) for f in m["files"]]
        place = [(r, b, row) for r, f in zip(readers, m["files"]) for b, i in enumerate(f["batches"]) for row in range(i["rows"])]
        last = (None, None)

        def get(i):
            nonlocal last
            reader, b, row = place[i]
            if last[0] != (reader, b):
                batch = reader.get_batch(b)
                last = (reader, b), [batch.column(n).storage.values.to_numpy().reshape(-1, *SHAPE[1:]) for n in m["modalities"]]
            return [c[row] for c in last[1]]

        return (lambda: (get(i) for i in range(len(place)))), get, len(place)


PEERS = {p.name: p for p in (Streaming, WebDataset, LitData, HFDatasets, Pyarrow)}


def sync(path):
    """Syncs what a peer wrote, and returns its bytes."""
    total = 0
    base = pathlib.Path(path)
    files = [p for p in base.parent.rglob("*") if p.is_file() and str(p).startswith(str(base))]
    for p in files:
        fd = os.open(p, os.O_RDONLY)
        os.fsync(fd)
        total += os.fstat(fd).st_size
        os.close(fd)
    return total


def add(x):
    return float(x.sum(dtype=np.float32)) if isinstance(x, np.ndarray) else sum(float(a.sum(dtype=np.float32)) for a in x)


def touch(x):
    return x.reshape(-1)[::1024].sum() if isinstance(x, np.ndarray) else sum(a.reshape(-1)[::1024].sum() for a in x)


def as_array(x):
    return x.numpy() if type(x).__module__ == "torch" else x


def child(peer, action, path, source, seed, accesses):
    """One measurement in this process."""
    p = PEERS[peer]
    module = __import__(p.package)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    out = {"version": getattr(module, "__version__", "")}
    if action == "write":
        data = samples(source)
        start = time.perf_counter()
        p.write(path, data)
        sync(path)
        out["write_s"] = time.perf_counter() - start
        return out
    start = time.perf_counter()
    every, get, n = p.open(path)
    for key in ("first_s", "second_s"):
        out["sum"] = sum(add(as_array(x)) for x in every())
        out[key] = time.perf_counter() - start
        start = time.perf_counter()
    if get:
        _, get, n = p.open(path)
        out["random_us"] = []
        for i in np.random.default_rng(seed).integers(0, n, accesses):
            start = time.perf_counter()
            touch(as_array(get(int(i))))
            out["random_us"].append((time.perf_counter() - start) * 1e6)
    return out


def run(command, **env):
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        sys.exit(f"{command}: status {done.returncode}\n{done.stdout}\n{done.stderr}")


def disk(path):
    base = pathlib.Path(path)
    return sum(p.stat().st_size for p in base.parent.rglob("*") if p.is_file() and str(p).startswith(str(base)))


def measure(go, work, source, round_, accesses, chosen):
    """Runs every program once; yields its name and figures."""
    def script(peer, action, path):
        return run([sys.executable, __file__, "--child", peer, action, path, source, str(round_), str(accesses)])

    plain, mapped = os.path.join(work, "plain"), os.path.join(work, "lacuna")
    yield "reference", run([go, "plain", plain, source]) | run([go, "mmap", plain, str(round_), str(accesses)]) | {"disk": disk(plain)}
    one = os.path.join(work, "one")
    yield "lacuna, 1 thread", (run([go, "write", one, source], GOMAXPROCS="1") | run([go, "read", one, str(round_), str(accesses)], GOMAXPROCS="1") | {"disk": disk(one)})
    yield "lacuna", run([go, "write", mapped, source]) | run([go, "read", mapped, str(round_), str(accesses)]) | {"disk": disk(mapped)}
    yield Pyarrow.name, script(Pyarrow.name, "read", mapped) | {"disk": disk(mapped)}
    for name, peer in PEERS.items():
        if peer is Pyarrow or chosen and name not in chosen:
            continue
        path = os.path.join(work, peer.package)
        yield name, script(name, "write", path) | script(name, "read", path) | {"disk": disk(path)}


def summary(rounds, n):
    """Medians of one program's rounds."""
    middle = lambda key: statistics.median(r[key] for r in rounds) if key in rounds[0] else None
    out = {"version": rounds[0].get("version", ""), "disk_mb": rounds[0]["disk"] / 1e6, "sum": rounds[0]["sum"]}
    if middle("write_s"):
        out |= {"write_samples_s": n / middle("write_s"), "write_mb_s": n * SAMPLE / 1e6 / middle("write_s")}
    for key in ("first", "second"):
        out[key + "_mb_s"] = n * 16 * VOXELS / 1e6 / middle(key + "_s")
    if "random_us" in rounds[0]:
        every = sorted(v for r in rounds for v in r["random_us"])
        out |= {"random_us": statistics.median(every), "random_p99_us": every[int(0.99 * len(every))]}
    return out


def markdown(table, n, rounds):
    base = table["reference"]
    show = lambda v, to=None: "n/a" if v is None else f"{v:,.0f}" + (f" ({v / to:.2f})" if to else "")
    print(f"{n} samples of {SAMPLE / 1e6:.2f} MB, medians of {rounds} rounds; in brackets: of the reference.\n")
    print("| | write samples/s | write MB/s | on disk MB | first read+sum MB/s | read+sum MB/s | random us | p99 us |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, t in table.items():
        print(f"| {name} {t['version']} | {show(t.get('write_samples_s'))} | {show(t.get('write_mb_s'), base['write_mb_s'])} | {show(t['disk_mb'])} "
              f"| {show(t['first_mb_s'], base['first_mb_s'])} | {show(t['second_mb_s'], base['second_mb_s'])} | {show(t.get('random_us'))} | {show(t.get('random_p99_us'))} |")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--samples", type=int, default=256)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--accesses", type=int, default=500, help="random accesses a round")
    p.add_argument("--peer", action="append", help="only this peer, by its name in the table; may be repeated")
    p.add_argument("--dir", help="folder for the files, on the disk to be measured")
    p.add_argument("--json", action="store_true")
    p.add_argument("--child", nargs=6, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.child:
        peer, action, path, source, seed, accesses = args.child
        print(json.dumps(child(peer, action, path, source, int(seed), int(accesses))))
        return
    with tempfile.TemporaryDirectory(dir=args.dir) as top:
        go, source = os.path.join(top, "shardpeer"), os.path.join(top, "samples")
        subprocess.run(["go", "build", "-o", go, "./shardpeer"], cwd=ROOT / "bench", check=True)
        rng = np.random.default_rng(1)
        with open(source, "wb") as f:
            for _ in range(args.samples):
                rng.standard_normal(4 * VOXELS, np.float32).tofile(f)
                rng.integers(0, 4, VOXELS, np.uint8).tofile(f)
        rounds = {}
        for r in range(args.rounds):
            work = os.path.join(top, "work")
            os.makedirs(work)
            for name, figures in measure(go, work, source, r, args.accesses, args.peer):
                rounds.setdefault(name, []).append(figures)
            shutil.rmtree(work)
    table = {name: summary(list_, args.samples) for name, list_ in rounds.items()}
    for name, t in table.items():
        # Orders of adding float32s differ: 2^17 values a modality of about 1.
        if abs(t["sum"] - table["reference"]["sum"]) > 1e-2 * args.samples:
            sys.exit(f"{name}: the sum is {t['sum']}, the reference's {table['reference']['sum']}: not the same samples")
    if args.json:
        print(json.dumps(table, indent=1))
    else:
        markdown(table, args.samples, args.rounds)


if __name__ == "__main__":
    main()
