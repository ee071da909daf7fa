#!/usr/bin/env python3
"""Writes golden.lua: weights after 1, 2, 10 and 50 steps of torch.optim, and rates of torch.optim.lr_scheduler, in
double precision. Gradients are a rule that both sides compute exactly: see gradient()."""
import warnings

import torch
from torch.optim import SGD, Adam, AdamW, lr_scheduler

warnings.simplefilter("ignore")
torch.set_default_dtype(torch.float64)
n = 6


def start(offset):
    return torch.tensor([((i * 5 + offset) % 7 - 3) / 4 for i in range(n)], requires_grad=True)


def gradient(step, offset):
    return torch.tensor([((i * 7 + step * 13 + offset * 3) % 17 - 8) / 8 for i in range(n)])


def lua(value):
    if isinstance(value, dict):
        return "{ " + ", ".join("[%s] = %s" % ("%d" % k if isinstance(k, int) else '"%s"' % k, lua(v))
                                for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    return "%.17g" % value


def run(make):
    """Two parameters, a and b; of b every third gradient is missing."""
    a, b = start(0), start(3)
    optimizer = make(a, b)
    seen = {}
    for step in range(1, 51):
        a.grad = gradient(step, 0)
        b.grad = None if step % 3 == 0 else gradient(step, 1)
        optimizer.step()
        if step in (1, 2, 10, 50):
            seen[step] = {"a": a.tolist(), "b": b.tolist()}
    return seen


optimisers = {
    "sgd": lambda a, b: SGD([a, b], lr=.05),
    "momentum": lambda a, b: SGD([a, b], lr=.05, momentum=.9, weight_decay=.02),
    "dampening": lambda a, b: SGD([a, b], lr=.05, momentum=.9, dampening=.3, weight_decay=.02),
    "nesterov": lambda a, b: SGD([a, b], lr=.02, momentum=.8, nesterov=True, weight_decay=.01),
    "adam": lambda a, b: Adam([a, b], lr=.01),
    "adam, all": lambda a, b: Adam([a, b], lr=.01, betas=(.8, .95), eps=1e-3, weight_decay=.1),
    "amsgrad": lambda a, b: Adam([a, b], lr=.01, betas=(.7, .8), weight_decay=.1, amsgrad=True),
    "adamw": lambda a, b: AdamW([a, b], lr=.01),
    "adamw, all": lambda a, b: AdamW([a, b], lr=.01, betas=(.8, .95), eps=1e-3, weight_decay=.2, amsgrad=True),
    "groups": lambda a, b: AdamW([{"params": [a]}, {"params": [b], "lr": .002, "weight_decay": 0}], lr=.01,
                                 weight_decay=.2),
    "groups, sgd": lambda a, b: SGD([{"params": [a], "momentum": .5}, {"params": [b], "lr": .1}], lr=.01),
}


def rates(make, count=24):
    """Rates after 0, 1, ... steps of a schedule."""
    optimizer = SGD([start(0)], lr=.5)
    schedule = make(optimizer)
    out = []
    for i in range(count):
        out.append(optimizer.param_groups[0]["lr"])
        if i + 1 < count:
            optimizer.step()
            schedule.step()
    return out


def warm(make, total, factor=.1):
    return lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o, factor, 1, total), make(o)], [total])


def cosine(o):
    return lr_scheduler.CosineAnnealingLR(o, 20, .01)


def milestones(o):
    return lr_scheduler.MultiStepLR(o, [3, 4, 11], .3)


schedules = {
    "step { lr = .5, every = 5, factor = .2 }": rates(lambda o: lr_scheduler.StepLR(o, 5, .2)),
    "multi_step { lr = .5, milestones = { 3, 4, 11 }, factor = .3 }": rates(milestones),
    "exponential { lr = .5, factor = .8 }": rates(lambda o: lr_scheduler.ExponentialLR(o, .8)),
    "cosine { lr = .5, total = 20, min = .01 }": rates(cosine, 21),
    "polynomial { lr = .5, total = 20, power = 2.5, hold = true }":
        rates(lambda o: lr_scheduler.PolynomialLR(o, 20, 2.5)),
    "linear { lr = .5, total = 8, start = .25, finish = .75, hold = true }":
        rates(lambda o: lr_scheduler.LinearLR(o, .25, .75, 8)),
    "one_cycle { lr = 2, total = 24 }": rates(lambda o: lr_scheduler.OneCycleLR(o, 2, total_steps=24)),
    'one_cycle { lr = 2, total = 24, rise = .5, start = .1, finish = .01, anneal = "linear" }':
        rates(lambda o: lr_scheduler.OneCycleLR(o, 2, total_steps=24, pct_start=.5, div_factor=10, final_div_factor=100,
                                                anneal_strategy="linear")),
    "warmup(cosine { lr = .5, total = 20, min = .01 }, { total = 3, start = .1 })": rates(warm(cosine, 3)),
    "warmup(multi_step { lr = .5, milestones = { 3, 4, 11 }, factor = .3 }, { total = 5, start = .1 })":
        rates(warm(milestones, 5)),
}
with open("golden.lua", "w") as file:
    print("-- Written by make.py.\nreturn {\n  optimisers = {", file=file)
    for name, make in optimisers.items():
        print('    ["%s"] = %s,' % (name, lua(run(make))), file=file)
    print("  },\n  schedules = {", file=file)
    for name, values in schedules.items():
        print("    [ [[%s]] ] = %s," % (name, lua(values)), file=file)
    print("  },\n}", file=file)
