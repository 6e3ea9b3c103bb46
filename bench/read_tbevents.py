"""Reads a directory of event files with TensorBoard's own reader; prints JSON.

    python bench/read_tbevents.py DIR

The test of train/tbevents runs it with the Python that LACUNA_PYTHON names, which
has tensorboard, and compares.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

acc = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
acc.Reload()
out = {
    tag: [[e.wall_time, e.step, float(e.value)] for e in acc.Scalars(tag)]
    for tag in acc.Tags()["scalars"]
}
json.dump(out, sys.stdout)
