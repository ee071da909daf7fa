#!/usr/bin/env python3
"""Golden values of layers, from PyTorch, torchvision and timm.

    python make.py PROGRAM

asks PROGRAM, a built calr, for the rows of tests/lua/layers (tests/lua/layer_rows.lua says how they read) and writes
golden.json beside this file: for each row and each of its inputs y, and the gradients of sum(y * dy) by the input and
by each parameter. Parameters, buffers, inputs and dy are numbers that number() makes from a name, here and there."""
import json
import os
import subprocess
import sys
from functools import partial

import torch
import torch.nn as nn
import torch.nn.functional as F

try:
    import timm
    import timm.layers
    import timm.models.vision_transformer
    import torchvision
    import torchvision.ops
except ImportError as missing:
    sys.exit("%s: install timm and torchvision" % missing)

here = os.path.dirname(os.path.abspath(__file__))
source = os.path.dirname(os.path.dirname(os.path.dirname(here)))


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x)


class SelfAttend(nn.Module):
    """A MultiheadAttention called with one tensor; the names of its state are its own."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]

    def named_parameters(self, *arguments, **named):
        return self.inner.named_parameters(*arguments, **named)

    def named_buffers(self, *arguments, **named):
        return self.inner.named_buffers(*arguments, **named)


def number(name, i):
    seed = 7
    for byte in name.encode():
        seed = (seed * 31 + byte) % 65521
    return ((i * 7919 + seed * 613) % 1009) / 1009 * 2 - 1


def numbers(name, shape, scale=1.0):
    count = 1
    for length in shape:
        count *= length
    return torch.tensor([number(name, i) * scale for i in range(count)], dtype=torch.float64).reshape(shape)


def fill(module, names):
    """Every parameter and buffer gets the numbers of its name (a running variance their squares, and 1/2 more)."""
    with torch.no_grad():
        for name, tensor in list(module.named_parameters()) + list(module.named_buffers()):
            own = names.get(name, name)
            if not tensor.is_floating_point():
                continue
            values = numbers(own, tensor.shape)
            tensor.copy_(values * values + 0.5 if own.endswith("running_var") else values)


def there(x):
    return x.permute(0, 3, 1, 2)


def back(y):
    return y.permute(0, 2, 3, 1) if y.ndim == 4 else y


def rounded(tensor):
    return [float("%.8g" % value) for value in tensor.detach().reshape(-1).tolist()]


def answer(row, text):
    words = text.split()[1:]
    shape = [int(word) for word in words if not word.startswith("<")]
    below = [int(word[1:]) for word in words if word.startswith("<")]
    module = eval(row["torch"]).double()
    names = {value: key for key, value in row.get("rename", {}).items()}
    fill(module, names)
    module.train(row.get("train", True))
    if below:
        x = torch.tensor([(i * 5 + 2) % below[0] for i in range(torch.Size(shape).numel())],
                         dtype=torch.int64).reshape(shape)
    else:
        x = numbers("x", shape, row.get("scale", 2)).requires_grad_(True)
    y = module(there(x) if row.get("maps") else x)
    y = back(y) if row.get("maps") else y
    dy = numbers("dy", y.shape)
    (y * dy).sum().backward()
    found = {"shape": list(y.shape), "y": rounded(y), "gradients": {}}
    if not below:
        found["dx"] = rounded(x.grad)
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            found["gradients"][names.get(name, name)] = rounded(parameter.grad)
    if row.get("train", True):
        buffers = {names.get(name, name): rounded(buffer) for name, buffer in module.named_buffers()
                   if buffer.is_floating_point()}
        if buffers:
            found["buffers"] = buffers
    return found


def main():
    program = sys.argv[1]
    code = "package.path = '%s/tests/lua/?.lua;' .. package.path; print(require('calr.json').encode(" \
           "require('layer_rows').load()))" % source
    rows = json.loads(subprocess.run([program, "-e", code], capture_output=True, text=True, check=True).stdout)
    golden = {}
    for row in rows:
        row = {key: value for key, value in row.items() if value is not None}
        golden[row["name"]] = {text: answer(row, text) for text in row["on"]}
    with open(os.path.join(here, "golden.json"), "w") as file:
        file.write("{\n%s\n}\n" % ",\n".join("%s: %s" % (json.dumps(name), json.dumps(value, separators=(",", ":")))
                                             for name, value in golden.items()))


main()
