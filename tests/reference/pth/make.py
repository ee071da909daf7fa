"""Writes the files that tests/c/test_pth.c and tests/cli/test_import_weights.sh read:
pip install torch==2.15.0, then python make.py"""
import collections
import pathlib

import torch

here = pathlib.Path(__file__).parent
ramp = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) - 11.5


def tensors():
    shared = torch.arange(10, dtype=torch.float32)
    return collections.OrderedDict(
        [
            ("f32", ramp.clone()),
            ("f16", ramp.half()),
            ("bf16", ramp.bfloat16()),
            ("f64", ramp.double()),
            ("i8", (ramp + 0.5).to(torch.int8)),
            ("i16", (ramp + 0.5).to(torch.int16) * 1000),
            ("i32", (ramp + 0.5).to(torch.int32) * 100000),
            ("i64", torch.tensor(-3)),
            ("u8", torch.arange(5, dtype=torch.uint8)),
            ("bool", torch.tensor([True, False, True])),
            ("turned", ramp.clone().transpose(1, 2)),
            ("head", shared[:4]),
            ("tail", shared[4:]),
            ("empty", torch.zeros(0, 4)),
            ("parameter", torch.nn.Parameter(torch.tensor([1.5, -2.5]))),
        ]
    )


for name, new in ("archive.pth", True), ("older.pth", False):
    torch.save(tensors(), here / name, _use_new_zipfile_serialization=new)

# A checkpoint as training scripts write them, from DataParallel.
layer = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
with torch.no_grad():
    for i, value in enumerate(layer.state_dict().values()):
        value.copy_(torch.arange(value.numel()).reshape(value.shape) + i)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
layer(torch.ones(1, 1, 5, 5)).sum().backward()
optimizer.step()
with torch.no_grad():
    for i, value in enumerate(layer.state_dict().values()):
        value.copy_(torch.arange(value.numel()).reshape(value.shape) + i)
torch.save(
    {
        "epoch": 3,
        "best": 0.25,
        "arch": "two \u00e9",
        "done": False,
        "nothing": None,
        "history": [1, 2.5, "three"],
        "state_dict": collections.OrderedDict(("module." + k, v) for k, v in layer.state_dict().items()),
        "optimizer": optimizer.state_dict(),
    },
    here / "checkpoint.pth",
)
# What is not read: complex numbers; a whole network; something without weights.
torch.save({"z": torch.zeros(2, dtype=torch.complex64)}, here / "complex.pth")
torch.save(layer, here / "network.pth")


class Scale(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(2))


# The older form keeps the source of a network's classes: those of this file.
torch.save(Scale(), here / "older_network.pth", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3}, here / "empty.pth")

# Tensors of kinds that are not read, each beside one that is.
for kind, value in {
    "sparse": torch.eye(2).to_sparse(),
    "meta": torch.zeros(2, device="meta"),
    "nested": torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)]),
}.items():
    torch.save({"model": {"a.weight": value, "a.bias": torch.zeros(2)}}, here / f"{kind}.pth")
