"""Reads a checkpoint with the real safetensors and prints what it found as JSON.

    python bench/read_checkpoint.py last.safetensors

The test of train/checkpoint runs it with the Python that LACUNA_PYTHON names,
which has safetensors and numpy, and compares.
"""

import hashlib
import json
import sys

from safetensors import safe_open

path = sys.argv[1]
with safe_open(path, framework="np") as f:
    meta = f.metadata()
    tensors = {}
    for name in f.keys():
        t = f.get_tensor(name)
        tensors[name] = {"dtype": str(t.dtype), "shape": list(t.shape), "bytes": t.tobytes().hex()}

raw = open(path, "rb").read()
digits = meta["lacuna.sha256"].encode()
sum_ok = hashlib.sha256(raw.replace(digits, b"0" * 64, 1)).hexdigest() == digits.decode()

json.dump({"sum": sum_ok, "state": json.loads(meta["lacuna.state"]), "tensors": tensors}, sys.stdout)
