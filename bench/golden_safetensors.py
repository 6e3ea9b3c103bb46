"""Writes what the reference says of safetensors files, for train/checkpoint/safetensors.

Run from the root of the repository, with safetensors 0.8.0 and numpy:

    python bench/golden_safetensors.py

testdata/reference.safetensors is written by the reference. testdata/verdicts.json
lists small files, good and bad, and whether the reference reads them.
"""

import base64
import json
import pathlib
import struct

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save_file

OUT = pathlib.Path("train/checkpoint/safetensors/testdata")


def reference():
    """Every kind that the package decodes; value i of each is i - 3 or the like."""
    save_file(
        {
            "matrix": np.arange(-3, 3, dtype=np.float32).reshape(2, 3),
            "special": np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], dtype=np.float32),
            "scalar": np.array(2.5, dtype=np.float32),
            "empty": np.zeros((0, 4), dtype=np.float32),
            "double": np.array([0.1, -1e300]),
            "count": np.array([-(2**63), 2**63 - 1], dtype=np.int64),
            "bytes": np.array([0, 128, 255], dtype=np.uint8),
            'na"me \u2713': np.array([7], dtype=np.float32),
        },
        OUT / "reference.safetensors",
        metadata={"format": "np", "quote": 'a "b" \\ <&> \u2713'},
    )


def file(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape="[2]", begin=0, end=8, more=""):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]{more}}}'


EIGHT = bytes(8)
CASES = {
    "one": file(f'{{"a":{entry()}}}', EIGHT),
    "no array": file("{}"),
    "metadata alone": file('{"__metadata__":{"k":"v"}}'),
    "metadata null": file(f'{{"__metadata__":null,"a":{entry()}}}', EIGHT),
    "padding": file(f'{{"a":{entry()}}}   ', EIGHT),
    "two, in another order": file(f'{{"b":{entry(begin=8, end=16)},"a":{entry()}}}', EIGHT * 2),
    "scalar": file(f'{{"a":{entry(shape="[]", end=4)}}}', bytes(4)),
    "empty array": file(f'{{"a":{entry(shape="[0,7]", end=0)}}}'),
    "two empty arrays": file(f'{{"a":{entry(shape="[0]", end=0)},"b":{entry(shape="[0]", end=0)}}}'),
    "empty between": file(
        f'{{"a":{entry(begin=8, end=16)},"e":{entry(shape="[0]", begin=8, end=8)},"c":{entry()}}}', EIGHT * 2
    ),
    "huge and zero": file(f'{{"a":{entry(shape="[4611686018427387904,0]", end=0)}}}'),
    "nothing": b"",
    "seven bytes": bytes(7),
    "length zero": file("", b""),
    "length beyond the file": file("{}", length=3),
    "length beyond the limit": file("{}", length=100_000_001),
    "length all ones": file("{}", length=2**64 - 1),
    "not an object": file("[]"),
    "space before": file(f' {{"a":{entry()}}}', EIGHT),
    "no JSON": file('{"a":'),
    "trailing comma": file(f'{{"a":{entry()},}}', EIGHT),
    "two objects": file("{}{}"),
    "no UTF-8": file(b'{"\xff":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "hole at the start": file(f'{{"a":{entry(begin=8, end=16)}}}', EIGHT * 2),
    "hole between": file(f'{{"a":{entry()},"b":{entry(begin=16, end=24)}}}', EIGHT * 3),
    "overlap": file(f'{{"a":{entry()},"b":{entry(begin=4, end=12)}}}', EIGHT * 2),
    "the same bytes twice": file(f'{{"a":{entry()},"b":{entry()}}}', EIGHT),
    "bytes left over": file(f'{{"a":{entry()}}}', EIGHT + b"x"),
    "bytes missing": file(f'{{"a":{entry()}}}', EIGHT[1:]),
    "end before begin": file(f'{{"a":{entry(begin=8, end=0)}}}', EIGHT),
    "shape too small": file(f'{{"a":{entry(shape="[1]")}}}', EIGHT),
    "shape too large": file(f'{{"a":{entry(shape="[3]")}}}', EIGHT),
    "shape overflows": file(f'{{"a":{entry(shape="[4294967296,4294967296,4294967296]")}}}', EIGHT),
    "bytes overflow": file(f'{{"a":{entry(shape="[4611686018427387906]")}}}', EIGHT),
    "negative size": file(f'{{"a":{entry(shape="[-2]")}}}', EIGHT),
    "half a size": file(f'{{"a":{entry(shape="[2.5]")}}}', EIGHT),
    "a size with an exponent": file(f'{{"a":{entry(shape="[2e0]")}}}', EIGHT),
    "minus zero": file(f'{{"a":{entry(shape="[-0]", end=0)}}}'),
    "a size as text": file(f'{{"a":{entry(shape=chr(34) + "2" + chr(34))}}}', EIGHT),
    "unknown dtype": file(f'{{"a":{entry(dtype="F33")}}}', EIGHT),
    "lower case dtype": file(f'{{"a":{entry(dtype="f32")}}}', EIGHT),
    "no dtype": file('{"a":{"shape":[2],"data_offsets":[0,8]}}', EIGHT),
    "three offsets": file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}', EIGHT),
    "no offsets": file('{"a":{"dtype":"F32","shape":[2]}}', EIGHT),
    "key in other case": file('{"a":{"dtype":"F32","Shape":[2],"data_offsets":[0,8]}}', EIGHT),
    "key twice": file(f'{{"a":{entry(more=",%sdtype%s:%sF32%s" % ((chr(34),) * 4))}}}', EIGHT),
    "array twice": file(f'{{"a":{entry()},"a":{entry()}}}', EIGHT),
    "metadata a number": file('{"__metadata__":{"k":1}}'),
    "metadata a list": file('{"__metadata__":[]}'),
}


def verdict(data):
    try:
        deserialize(data)
    except SafetensorError as e:
        return False, str(e)
    return True, ""


def main():
    reference()
    rows = []
    for name, data in CASES.items():
        good, why = verdict(data)
        rows.append({"name": name, "file": base64.b64encode(data).decode(), "good": good, "reference": why})
        print(name, good, why, sep=" | ")
    (OUT / "verdicts.json").write_text(json.dumps(rows, indent=1) + "\n")


main()
