"""The peer of `calr bench ops`: the expressions of the tensor vocabulary in PyTorch, eager.

A line "run CALLS NUMBER KIND SETTLE" asks for CALLS evaluations of expression NUMBER, forward or "both" ways, timed after
SETTLE seconds of the same; the loop is made of the expression itself. The answer's time is -1 where PyTorch cannot."""
import json
import sys

import common

options = common.options()

import torch  # noqa: E402  (after the number of threads is set)
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(int(options.get("threads", 1)))
types = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16, "f16": torch.float16, "i64": torch.int64,
         "i32": torch.int32, "u8": torch.uint8, "bool": torch.bool}


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def make(given):
    dtype, shape = types[given["type"]], given["shape"]
    if given.get("values"):
        return torch.tensor(given["values"]).to(dtype).reshape(shape)
    if dtype.is_floating_point:
        return (torch.rand(shape) * (given["high"] - given["low"]) + given["low"]).to(dtype)
    if dtype == torch.bool:
        return torch.rand(shape) < 0.5
    return torch.randint(int(given["low"]), int(given["high"]) + 1, shape).to(dtype)


def loop_of(question, kind):
    inputs = {name: make(given) for name, given in question["inputs"].items()}
    scope = {"torch": torch, "F": F, "nchw": nchw, "nhwc": nhwc, **inputs}
    lines = ["y = " + question["torch"]]
    if kind == "both":
        leaves = [name for name, x in inputs.items() if x.dtype.is_floating_point]
        for name in leaves:
            inputs[name].requires_grad_(True)
        y = eval(question["torch"], scope)
        if isinstance(y, (tuple, list)):
            lines[0], y = "y = (%s)[0]" % question["torch"], y[0]
        scope["dy"] = torch.ones(y.shape, dtype=y.dtype)
        lines += ["y.backward(dy)"] + ["%s.grad = None" % name for name in leaves]
    exec("def loop(n):\n    for _ in range(n):\n        " + "\n        ".join(lines) + "\n", scope)
    return scope["loop"]


def main():
    with open(options["questions"]) as file:
        questions = json.load(file)
    name = "torch " + torch.__version__.split("+")[0]
    common.answer(name, [], 0, {})
    current, loop = None, None
    for line in sys.stdin:
        _, calls, number, kind, settle = line.split()
        calls, settle = int(calls), float(settle)
        try:
            if current != (number, kind):
                loop = None
                loop = loop_of(questions[int(number)], kind)
                current = (number, kind)
            common.settle(settle, lambda: loop(max(1, calls // 10)))
            began = common.clock()
            loop(calls)
            seconds = (common.clock() - began) / calls
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AttributeError) as error:
            current, seconds = None, -1
            print("%s: %s" % (questions[int(number)]["torch"], error), file=sys.stderr)
        common.answer(name, [seconds], 0, {})


main()
