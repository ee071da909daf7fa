#!/usr/bin/env python3
"""Golden values of the tensor vocabulary, from PyTorch.

    python make.py PROGRAM [FAMILY ...]

asks PROGRAM, a built calr, for the cases of tests/lua/vocabulary/FAMILY.lua (all families by default) and writes
FAMILY.json beside this file. Sets of inputs are computed in double precision, with the gradients of sum(y * dy), where
element i (from 0) of the k-th result (from 0) has dy = ((7 i + 3 k + 3) mod 11 - 5) / 4. Cases by type are computed in
that type."""
import json
import math
import os
import subprocess
import sys

import torch
import torch.nn.functional as F

here = os.path.dirname(os.path.abspath(__file__))
types = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16, "f16": torch.float16, "i64": torch.int64,
         "i32": torch.int32, "u8": torch.uint8, "bool": torch.bool}
names = {dtype: name for name, dtype in types.items()}


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def flatten(results):
    if isinstance(results, (list, tuple)):
        return [item for result in results for item in flatten(result)]
    return [results if torch.is_tensor(results) else torch.tensor(results)]


def number(value):
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float("%.11g" % value)
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def described(tensor, precise=False):
    dtype = names[tensor.dtype]
    values = tensor.detach().double() if tensor.is_floating_point() else tensor.detach()
    return {"type": "f32" if precise and dtype == "f64" else dtype, "shape": list(tensor.shape),
            "values": [number(v) for v in values.reshape(-1).tolist()]}


def cotangent(y, k):
    i = torch.arange(y.numel(), dtype=torch.float64)
    return (((7 * i + 3 * k + 3) % 11 - 5) / 4).reshape(y.shape).to(y.dtype)


def answer(question):
    inputs = {}
    for name, given in question["inputs"].items():
        dtype = types[given["type"]]
        if question["precise"] and dtype in (torch.float32, torch.bfloat16):
            dtype = torch.float64
        inputs[name] = torch.tensor(given["values"], dtype=torch.float64).to(dtype).reshape(given["shape"])
        if name in question["grad"]:
            inputs[name].requires_grad_(True)
    results = flatten(eval(question["torch"], {"torch": torch, "F": F, "math": math, "nchw": nchw, "nhwc": nhwc},
                           dict(inputs)))
    out = {"key": question["key"], "y": [described(y, question["precise"]) for y in results]}
    if question["grad"]:
        total = sum((y * cotangent(y, k)).sum() for k, y in enumerate(results) if y.requires_grad)
        leaves = [inputs[name] for name in question["grad"]]
        grads = torch.autograd.grad(total, leaves, allow_unused=True)
        out["grads"] = {name: described(torch.zeros_like(leaf) if grad is None else grad, True)
                        for name, leaf, grad in zip(question["grad"], leaves, grads)}
    return out


def make(program, family):
    text = subprocess.run([program, os.path.join(here, "questions.lua")], check=True, stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, FAMILY=family)).stdout
    rows, failed = [], 0
    for question in json.loads(text):
        try:
            found = answer(question)
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AttributeError) as error:
            if question["precise"]:
                failed += 1
                print("%s: %s: %s" % (family, question["id"], error), file=sys.stderr)
            found = {"key": question["key"], "error": str(error).splitlines()[0][:100]}
        rows.append("%s: %s" % (json.dumps(question["id"]), json.dumps(found)))
    with open(os.path.join(here, family + ".json"), "w") as file:
        file.write('{"made by": "make.py with PyTorch %s", "cases": {\n%s\n}}\n'
                   % (torch.__version__.split("+")[0], ",\n".join(rows)))
    print("%s: %d cases" % (family, len(rows)))
    return failed


if __name__ == "__main__":
    folder = os.path.join(here, "..", "..", "lua", "vocabulary")
    families = sys.argv[2:] or sorted(f[:-4] for f in os.listdir(folder) if f.endswith(".lua"))
    sys.exit(1 if sum(make(sys.argv[1], family) for family in families) else 0)
