#!/usr/bin/env python3
"""Open a Lacuna data set with other people's readers and compare with its manifest.

    read_shards.py DIR [--no-pyarrow] [--no-datasets] [--no-polars]

Every shard is opened by pyarrow (tensor columns become numpy arrays of the
manifest's shape; nulls agree with the mask's bits; masks, labels and counts
add up to the manifest's), by Hugging Face datasets and by polars. Prints what
each saw. Exit status: 0 all agree, 1 something does not, 2 usage.
"""

import argparse
import collections
import json
import os
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

TENSOR = "arrow.fixed_shape_tensor"


class Disagreement(Exception):
    pass


def expect(what, got, want):
    if got != want:
        raise Disagreement(f"{what}: got {got}, the manifest says {want}")


def bits(mask, n):
    return [mask >> i & 1 == 1 for i in range(n)]


def format_mask(mask, names):
    return "+".join(n for i, n in enumerate(names) if mask >> i & 1) or "none"


def tensors(column, shape, width, np):
    """The column as one array of rows x shape; None where the shape varies."""
    if shape is None:
        return None
    storage = column.storage if hasattr(column, "storage") else column
    flat = storage.values.to_numpy(zero_copy_only=True)
    flat = flat[storage.offset * width :][: len(storage) * width]
    return flat.reshape(len(storage), *shape)


def check_tensor(pa, np, batch, name, shape, tag, present):
    column = batch.column(batch.schema.get_field_index(name))
    valid = column.is_valid().to_pylist()
    if valid != present:
        raise Disagreement(f"{name}: nulls are not the mask's: {valid} and {present}")
    field = batch.schema.field(name)
    noted = field.metadata[b"lacuna.shape"].decode()
    if shape is None:
        expect(f"{name}: lacuna.shape", noted, "variable")
        dims = batch.column(batch.schema.get_field_index(name + "_shape")).to_pylist()
        for row, d in zip(column, dims):
            if (row.as_py() is None) != (d is None) or d is not None and len(row) != int(np.prod(d)):
                raise Disagreement(f"{name}: a row of {len(row)} values has shape {d}")
        return
    expect(f"{name}: lacuna.shape", json.loads(noted), shape)
    is_tensor = isinstance(field.type, pa.FixedShapeTensorType)
    expect(f"{name}: has the tensor type", is_tensor, tag)
    array = tensors(column, shape, int(np.prod(shape)), np)
    if is_tensor:
        expect(f"{name}: tensor shape", list(field.type.shape), shape)
        if column.null_count == 0:
            whole = column.to_numpy_ndarray()
            if whole.shape != array.shape or not np.array_equal(whole, array, equal_nan=True):
                raise Disagreement(f"{name}: to_numpy_ndarray gives other values")


def with_pyarrow(root, m):
    import numpy as np
    import pyarrow as pa

    names, counts = m["modalities"], {}
    for s in m["splits"]:
        counts[s["split"]] = dict(rows=0, masks=collections.Counter(), unlabelled=0, labels=np.zeros(len(m["classes"]), int),
                                  n=np.zeros(len(names)), sum=np.zeros(len(names)))
    for f in m["files"]:
        with pa.memory_map(os.path.join(root, f["name"])) as source:
            reader = pa.ipc.open_file(source)
            expect(f"{f['name']}: batches", reader.num_record_batches, len(f["batches"]))
            for i in range(reader.num_record_batches):
                batch = reader.get_batch(i)
                batch.validate(full=True)
                expect(f"{f['name']} batch {i}: rows", batch.num_rows, f["batches"][i]["rows"])
                count_batch(pa, np, batch, m, counts[f["split"]])
    for s in m["splits"]:
        c = counts[s["split"]]
        expect(f"{s['split']}: samples", c["rows"], s["samples"])
        expect(f"{s['split']}: masks", dict(c["masks"]), {k["mask"]: k["samples"] for k in s["masks"]})
        expect(f"{s['split']}: unlabelled", c["unlabelled"], s["unlabelled"])
        expect(f"{s['split']}: labels", c["labels"].tolist(), s["labels"])
        for i, st in enumerate(s["stats"]):
            expect(f"{s['split']}: {names[i]}: values", int(c["n"][i]), st["count"] + st["non_finite"])
            if st["non_finite"] == 0 and st["count"] > 0:
                mean = c["sum"][i] / c["n"][i]
                # Two orders of adding float64s differ by rounding alone.
                if abs(mean - st["mean"]) > 1e-9 * max(1.0, abs(st["min"]), abs(st["max"])):
                    raise Disagreement(f"{s['split']}: {names[i]}: mean {mean}, the manifest says {st['mean']}")
    return pa.__version__, {k: v["rows"] for k, v in counts.items()}


def count_batch(pa, np, batch, m, c):
    names = m["modalities"]
    get = lambda n: batch.column(batch.schema.get_field_index(n))
    masks = get("present").to_pylist()
    c["rows"] += batch.num_rows
    c["masks"].update(format_mask(v, names) for v in masks)
    for i, name in enumerate(names):
        check_tensor(pa, np, batch, name, m["shapes"][i], m["tensor_tag"], [bits(v, len(names))[i] for v in masks])
        column = get(name)
        storage = column.storage if hasattr(column, "storage") else column
        flat = storage.drop_null().flatten().to_numpy(zero_copy_only=False)
        c["n"][i] += flat.size
        c["sum"][i] += flat.astype(np.float64).sum()
    target = get("target")
    c["unlabelled"] += target.null_count
    if m["task"] == "segmentation":
        check_tensor(pa, np, batch, "target", m["target_shape"], m["tensor_tag"], target.is_valid().to_pylist())
        storage = target.storage if hasattr(target, "storage") else target
        values = storage.drop_null().flatten().to_numpy(zero_copy_only=False)
    else:
        values = target.drop_null().to_numpy(zero_copy_only=False)
    c["labels"] += np.bincount(values, minlength=len(m["classes"]))


def by_split(m):
    files = collections.defaultdict(list)
    for f in m["files"]:
        files[f["split"]].append(f["name"])
    return files


def with_datasets(root, m):
    import datasets
    import pyarrow as pa

    if m["tensor_tag"]:
        # datasets has no feature for pyarrow's tensor type: read its storage.
        pa.unregister_extension_type(TENSOR)
    datasets.disable_progress_bars()
    seen = {}
    with tempfile.TemporaryDirectory() as cache:
        for split, names in by_split(m).items():
            paths = [os.path.join(root, n) for n in names]
            d = datasets.load_dataset("arrow", data_files={split: paths}, split=split, cache_dir=cache)
            seen[split] = len(d)
            expect(f"datasets: {split}", len(d), next(s["samples"] for s in m["splits"] if s["split"] == split))
            row = d[0]
            for i, name in enumerate(m["modalities"]):
                expect(f"datasets: {row['id']}: {name} is there", row[name] is not None, bits(row["present"], 16)[i])
            del d
    return datasets.__version__, seen


def with_polars(root, m):
    import polars as pl

    seen = {}
    for split, names in by_split(m).items():
        rows = 0
        for n in names:
            d = pl.read_ipc(os.path.join(root, n))
            rows += d.height
            masks = d["present"].to_list()
            for i, name in enumerate(m["modalities"]):
                got = (~d[name].is_null()).to_list()
                expect(f"polars: {n}: {name} is there", got, [bits(v, 16)[i] for v in masks])
        expect(f"polars: {split}", rows, next(s["samples"] for s in m["splits"] if s["split"] == split))
        seen[split] = rows
    return pl.__version__, seen


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("dir")
    readers = [("pyarrow", with_pyarrow), ("datasets", with_datasets), ("polars", with_polars)]
    for name, _ in readers:
        p.add_argument("--no-" + name, action="store_true", help=f"leave {name} out")
    args = p.parse_args()
    with open(os.path.join(args.dir, "manifest.json"), encoding="utf-8") as f:
        m = json.load(f)
    failed = False
    # datasets comes last: it may change how pyarrow sees the tensor type.
    for name, read in sorted(readers, key=lambda r: r[0] == "datasets"):
        if getattr(args, "no_" + name):
            continue
        try:
            version, seen = read(args.dir, m)
            print(f"{name} {version}: " + ", ".join(f"{n} {k}" for k, n in seen.items()))
        except Exception as e:  # whatever a reader throws is a finding
            print(f"{name}: {type(e).__name__}: {e}", file=sys.stderr)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
