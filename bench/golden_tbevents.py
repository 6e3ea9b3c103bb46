"""Writes train/tbevents/testdata/reference.tfevents with TensorBoard's own code.

Run from the root of the repository, with tensorboard 2.21.0:

    python bench/golden_tbevents.py

The events are those of the test in train/tbevents; the records are framed by
tensorboard's RecordWriter, and the events encoded by protobuf.
"""

import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

T = 1772366400.25  # 2026-03-01 12:00:00.25 UTC


def scalar(step, tag, value):
    v = summary_pb2.Summary.Value(tag=tag, simple_value=value)
    return event_pb2.Event(wall_time=T, step=step, summary=summary_pb2.Summary(value=[v]))


start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
EVENTS = [
    event_pb2.Event(wall_time=T, step=0, file_version="brain.Event:2"),
    event_pb2.Event(wall_time=T, step=300, session_log=start),
    scalar(300, "loss/total", 0.125),
    scalar(2**40, "lr \u2713", float("nan")),
    scalar(2**40 + 1, "lr \u2713", -1e-45),
]

out = pathlib.Path("train/tbevents/testdata/reference.tfevents")
out.parent.mkdir(exist_ok=True)
with open(out, "wb") as f:
    w = RecordWriter(f)
    for e in EVENTS:
        w.write(e.SerializeToString())
    w.flush()
