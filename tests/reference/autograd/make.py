#!/usr/bin/env python3
"""Golden values of gradients of chosen tensors, hooks, retained graphs and clipping, from PyTorch in double precision.

    python make.py > golden.lua

The network is that of tests/lua/test_autograd_grad.lua: h = relu(x w1^T + b), y = (h w2^T) * x[:, :2] + h[:, :2]."""
import torch

torch.manual_seed(11)


def rand(*shape):
    return (torch.randn(shape) * 1000).round().double() / 1000


INPUTS = dict(x=rand(4, 3), w1=rand(5, 3), b=rand(5), w2=rand(2, 5))
DY = rand(4, 2)


def network():
    p = {k: v.clone().requires_grad_(True) for k, v in INPUTS.items()}
    h = torch.relu(p["x"] @ p["w1"].T + p["b"])
    y = (h @ p["w2"].T) * p["x"][:, :2] + h[:, :2]
    return p, h, y


def array(t):
    numbers = ", ".join(f"{v:.9g}" for v in t.reshape(-1).tolist())
    return "{ shape = { %s }, %s }" % (", ".join(map(str, t.shape)), numbers)


out = []


def group(name, values):
    lines = ["    %s = %s," % (k, array(v) if torch.is_tensor(v) else repr(v)) for k, v in values.items()]
    out.append("  %s = {\n%s\n  }," % (name, "\n".join(lines)))


group("inputs", INPUTS)
group("cotangent", dict(dy=DY))

p, h, y = network()
names = ["w2", "x", "w1", "b"]
found = torch.autograd.grad(y, [p[n] for n in names] + [h], DY)
group("grad", dict(zip(names + ["h"], found)))

# Two outputs, each with a gradient.
p, h, y = network()
s = (h * h).mean()
found = torch.autograd.grad([y, s], [p["x"], p["w1"]], [DY, None])
group("two_outputs", dict(x=found[0], w1=found[1]))

# A retained graph, walked twice.
p, h, y = network()
loss = (y * DY).sum()
loss.backward(retain_graph=True)
loss.backward()
group("twice", {n: p[n].grad for n in names})

# Hooks: two on x, in order, one on h, which clamps, one that only looks.
p, h, y = network()
seen = {}
p["x"].register_hook(lambda g: g * 2)
p["x"].register_hook(lambda g: g + 1)
p["w2"].register_hook(lambda g: seen.update(w2=g.clone()))
h.register_hook(lambda g: g.clamp(-0.5, 0.5))
y.backward(DY)
group("hooks", dict({n: p[n].grad for n in names}, seen=seen["w2"]))

# Clipping.
for label, kind in (("1", 1.0), ("2", 2.0), ("3", 3.0), ("inf", float("inf"))):
    p, h, y = network()
    y.backward(DY)
    total = torch.nn.utils.clip_grad_norm_([p[n] for n in names], 0.75, kind)
    group("norm_" + label, dict({n: p[n].grad for n in names}, total=total.item()))
p, h, y = network()
y.backward(DY)
torch.nn.utils.clip_grad_value_([p[n] for n in names], 0.3)
group("value", {n: p[n].grad for n in names})

print("-- Made by make.py with PyTorch %s.\nreturn {\n%s\n}" % (torch.__version__.split("+")[0], "\n".join(out)))
