"""Writes the event files that tests/lua/test_tensorboard.lua compares with, by TensorBoard itself (2.21): python make.py"""
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

here = pathlib.Path(__file__).parent


def version(wall_time):
    source = event_pb2.SourceMetadata(writer="calr.tensorboard")
    return event_pb2.Event(wall_time=wall_time, file_version="brain.Event:2", source_metadata=source)


def scalars(wall_time, step, *pairs):
    values = [summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in pairs]
    return event_pb2.Event(wall_time=wall_time, step=step, summary=summary_pb2.Summary(value=values))


def start(wall_time, step):
    log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    return event_pb2.Event(wall_time=wall_time, step=step, session_log=log)


def save(name, *events):
    with open(here / name, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))


save(
    "plain.events",
    version(1700000000.25),
    start(1700000000.5, 0),
    scalars(1700000001.125, 1, ("loss", 0.5)),
    scalars(1700000002.0, 127, ("loss", 0.0)),
    scalars(1700000003.0, 128, ("loss", -0.0)),
    scalars(1700000004.0, 2**40 + 5, ("loss", 1e-3)),
    scalars(1700000005.0, 2**63 - 1, ("loss", -2.75)),
    scalars(1700000006.0, -1, ("loss", float("inf"))),
    scalars(1700000007.0, -(2**63), ("loss", 1e-45)),
    scalars(0.0, 0, ("", 3.0)),
)
save(
    "several.events",
    version(1234567890.75),
    start(1234567891.0, 300),
    scalars(1234567892.0, 3, ("inter/evaluation/mAP", 0.8125), ("inter/loss", 2.5), ("grüße/漢字", 7)),
    scalars(1234567893.0, 4, *((f"many/{i}", i / 8) for i in range(40))),
    scalars(1234567894.0, 5, ("t" * 300, 1.0)),
)
