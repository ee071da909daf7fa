#!/usr/bin/env python3
"""Writes golden.lua: losses and their gradients by PyTorch, by pytorch-metric-learning (2.9.0) where that has them, and
by loops over images, written from the papers, where neither has. All in double precision.

Each case is a line of Lua and what it must give, with the gradient of its sum by each input named."""
import math

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances, losses, reducers

rng = np.random.RandomState(7)
torch.set_default_dtype(torch.float64)
n, d, c = 8, 5, 4


def normal(*shape):
    return torch.tensor(np.round(rng.randn(*shape), 4).tolist())


def positive(*shape):
    return torch.tensor(np.round(rng.rand(*shape) + 0.1, 4).tolist())


inputs = {
    "x": normal(n, c), "y": normal(n, c), "f": normal(n, d), "g": normal(n, d), "h": normal(n, d), "more": normal(3, d),
    "v": normal(n), "w": normal(n), "maps": normal(2, 3, 2, c),
    "weight": positive(c), "sample": positive(n), "soft": F.softmax(normal(n, c), 1).mul(1e4).round().div(1e4),
    "hot": torch.tensor([[0., 1, 0, 0], [.5, .5, 0, 0]] * 4),
    "sign": torch.tensor([1., -1, -1, 1, 1, -1, 1, -1]),
}
labels = {
    "labels": torch.tensor([0, 3, 1, 1, 2, 0, 3, 1]), "some": torch.tensor([0, -1, 1, 1, -1, 0, 3, 1]),
    "pairs": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]), "lone": torch.tensor([0, 0, 0, 1, 1, 2, 0, 1]),
    "pixels": torch.tensor(rng.randint(0, c, (2, 3, 2)).tolist()),
}
for x in (t for name, t in inputs.items() if name not in ("weight", "sample")):
    x.requires_grad_()
V = type("Values", (), {**inputs, **labels})
cases = []


def case(line, value, *by):
    gradients = torch.autograd.grad(value.sum(), [inputs[name] for name in by], retain_graph=True)
    cases.append({"line": line, "value": value, "by": dict(zip(by, gradients))})


for how in ("mean", "sum", "none"):
    r = 'reduction = "%s"' % how
    case("cross_entropy(x, labels, { %s })" % r, F.cross_entropy(V.x, V.labels, reduction=how), "x")
    case("cross_entropy(x, labels, { weight = weight, label_smoothing = .1, %s })" % r,
         F.cross_entropy(V.x, V.labels, V.weight, reduction=how, label_smoothing=.1), "x")
    case("cross_entropy(x, some, { ignore_index = -1, weight = weight, label_smoothing = .2, %s })" % r,
         F.cross_entropy(V.x, V.some, V.weight, reduction=how, ignore_index=-1, label_smoothing=.2), "x")
    case("cross_entropy(x, some, { ignore_index = -1, %s })" % r,
         F.cross_entropy(V.x, V.some, reduction=how, ignore_index=-1), "x")
    case("cross_entropy(x, soft, { weight = weight, label_smoothing = .1, %s })" % r,
         F.cross_entropy(V.x, V.soft, V.weight, reduction=how, label_smoothing=.1), "x", "soft")
    each = F.cross_entropy(V.x, V.labels, V.weight, reduction="none", label_smoothing=.1) * V.sample
    total = (V.weight[V.labels] * V.sample).sum()
    value = {"mean": each.sum() / total, "sum": each.sum(), "none": each}[how]
    case("cross_entropy(x, labels, { weight = weight, sample_weight = sample, label_smoothing = .1, %s })" % r, value, "x")
    each = F.cross_entropy(V.x, V.soft, reduction="none") * V.sample
    value = {"mean": each.sum() / V.sample.sum(), "sum": each.sum(), "none": each}[how]
    case("cross_entropy(x, soft, { sample_weight = sample, %s })" % r, value, "x")
    case("cross_entropy(maps, pixels, { label_smoothing = .1, %s })" % r,
         F.cross_entropy(V.maps.permute(0, 3, 1, 2), V.pixels, reduction=how, label_smoothing=.1), "maps")
    case("nll(x:log_softmax(2), some, { ignore_index = -1, weight = weight, %s })" % r,
         F.nll_loss(V.x.log_softmax(1), V.some, V.weight, ignore_index=-1, reduction=how), "x")
    case("bce_with_logits(x, soft, { %s })" % r, F.binary_cross_entropy_with_logits(V.x, V.soft, reduction=how), "x", "soft")
    case("bce_with_logits(x * 30, soft, { pos_weight = weight, weight = sample:unsqueeze(2), %s })" % r,
         F.binary_cross_entropy_with_logits(V.x * 30, V.soft, V.sample[:, None], pos_weight=V.weight, reduction=how), "x")
    for name, function in (("mse", F.mse_loss), ("l1", F.l1_loss), ("smooth_l1", F.smooth_l1_loss), ("huber", F.huber_loss)):
        case("%s(x, y, { %s })" % (name, r), function(V.x, V.y, reduction=how), "x", "y")
    case("smooth_l1(x, y, { beta = .3, %s })" % r, F.smooth_l1_loss(V.x, V.y, beta=.3, reduction=how), "x")
    case("smooth_l1(x, y, { beta = 0, %s })" % r, F.smooth_l1_loss(V.x, V.y, beta=0, reduction=how), "x")
    case("huber(x, y, { delta = .7, %s })" % r, F.huber_loss(V.x, V.y, delta=.7, reduction=how), "x")
    case("cosine_embedding(f, g, sign, { margin = .1, %s })" % r,
         F.cosine_embedding_loss(V.f, V.g, V.sign, margin=.1, reduction=how), "f", "g")
    case("margin_ranking(v, w, sign, { margin = .2, %s })" % r,
         F.margin_ranking_loss(V.v, V.w, V.sign, margin=.2, reduction=how), "v", "w")
    case("triplet_margin(f, g, h, { %s })" % r, F.triplet_margin_loss(V.f, V.g, V.h, reduction=how), "f", "g", "h")
    case("triplet_margin(f, g, h, { margin = 2, p = 1, swap = true, %s })" % r,
         F.triplet_margin_loss(V.f, V.g, V.h, margin=2, p=1, swap=True, reduction=how), "f", "g", "h")
for how in ("mean", "batchmean", "sum", "none"):
    r = 'reduction = "%s"' % how
    case("kl_div(x:log_softmax(2), soft, { %s })" % r, F.kl_div(V.x.log_softmax(1), V.soft, reduction=how), "x", "soft")
    case("kl_div(x:log_softmax(2), hot, { %s })" % r, F.kl_div(V.x.log_softmax(1), V.hot, reduction=how), "x")
    case("kl_div(x:log_softmax(2), y:log_softmax(2), { log_target = true, %s })" % r,
         F.kl_div(V.x.log_softmax(1), V.y.log_softmax(1), reduction=how, log_target=True), "x", "y")
    value = F.kl_div((V.x / 4).log_softmax(1), (V.y / 4).softmax(1).detach(), reduction=how) * 16
    case("distillation(x, y, { temperature = 4, %s })" % r, value, "x")


def triplets(f, y, mining, margin, metric="euclidean"):
    """One anchor after the other, as the papers say it. Returns a loss for each anchor (a list for "all")."""
    h = (lambda z: torch.log1p(z.exp())) if margin == "soft" else (lambda z: (z + margin).clamp(min=0))
    far = {"euclidean": lambda a, b: (a - b).pow(2).sum().sqrt(), "squared": lambda a, b: (a - b).pow(2).sum(),
           "cosine": lambda a, b: 1 - a @ b / a.norm() / b.norm()}[metric]
    out = []
    for a in range(len(f)):
        p = torch.stack([far(f[a], f[i]) for i in range(len(f)) if y[i] == y[a] and i != a] or [torch.tensor(0.)])
        q = torch.stack([far(f[a], f[i]) for i in range(len(f)) if y[i] != y[a]])
        if not any(y[i] == y[a] and i != a for i in range(len(f))):
            out.append(None)
        elif mining == "hard":
            out.append(h(p.max() - q.min()))
        elif mining == "weighted":
            wp, wq = p.exp() / p.exp().sum(), (-q).exp() / (-q).exp().sum()
            out.append(h((wp * p).sum() - (wq * q).sum()))
        else:
            out.append(torch.cat([h(i - j)[None] for i in p for j in q]))
    return out


def mean(each):
    return torch.stack([e for e in each if e is not None]).mean()


for name in ("pairs", "lone"):
    y = getattr(V, name)
    for margin in (.3, "soft"):
        m = 'margin = %s' % (margin if margin == .3 else '"soft"')
        for mining in ("hard", "weighted"):
            for metric in ("euclidean", "squared", "cosine"):
                case('triplet(f, %s, { %s, mining = "%s", distance = "%s" })' % (name, m, mining, metric),
                     mean(triplets(V.f, y, mining, margin, metric)), "f")
        every = torch.cat([e for e in triplets(V.f, y, "all", margin) if e is not None])
        case('triplet(f, %s, { %s, mining = "all" })' % (name, m), every.mean(), "f")
        case('triplet(f, %s, { %s, mining = "all", reduction = "sum" })' % (name, m), every.sum(), "f")
    plain = distances.LpDistance(normalize_embeddings=False)
    case('triplet(f, %s, { margin = .3, mining = "all", nonzero = true })' % name,
         losses.TripletMarginLoss(.3, distance=plain, reducer=reducers.AvgNonZeroReducer())(V.f, y), "f")
    each = triplets(V.f, y, "hard", .3)
    each = torch.stack([e if e is not None else torch.tensor(0.) for e in each])
    case('triplet(f, %s, { reduction = "none" })' % name, each, "f")
    case('triplet(f, %s, { reduction = "sum" })' % name, each.sum(), "f")
    case("circle(f, %s)" % name, losses.CircleLoss(.25, 128)(V.f, y), "f")
    case("circle(f, %s, { margin = .4, scale = 8 })" % name, losses.CircleLoss(.4, 8)(V.f, y), "f")
    case('circle(f, %s, { margin = .4, scale = 8, reduction = "none" })' % name,
         losses.CircleLoss(.4, 8, reducer=reducers.DoNothingReducer())(V.f, y)["loss"]["losses"], "f")
    case("supervised_contrastive(f, %s)" % name, losses.SupConLoss(.1)(V.f, y), "f")
    case('supervised_contrastive(f, %s, { temperature = .5, reduction = "none" })' % name,
         losses.SupConLoss(.5, reducer=reducers.DoNothingReducer())(V.f, y)["loss"]["losses"], "f")


def noise_contrastive(q, k, t, others=None):
    """Equation 1 of MoCo, image by image."""
    q, k = F.normalize(q), F.normalize(k)
    out = []
    for i in range(len(q)):
        keys = torch.cat([k[i][None], F.normalize(others)]) if others is not None else k
        right = 0 if others is not None else i
        scores = (keys @ q[i] / t).exp()
        out.append(-torch.log(scores[right] / scores.sum()))
    return torch.stack(out)


def views(a, b, t):
    """Equation 1 of SimCLR."""
    z, m = F.normalize(torch.cat([a, b])), len(a)
    out = []
    for i in range(2 * m):
        scores = [(z[i] @ z[k] / t).exp() for k in range(2 * m)]
        out.append(-torch.log(scores[(i + m) % (2 * m)] / (sum(scores) - scores[i])))
    return torch.stack(out)


for how in ("mean", "sum", "none"):
    r = 'reduction = "%s"' % how
    pick = {"mean": torch.mean, "sum": torch.sum, "none": lambda z: z}[how]
    case("info_nce(f, g, { %s })" % r, pick(noise_contrastive(V.f, V.g, .07)), "f", "g")
    case("info_nce(f, g, { temperature = .2, negatives = more, %s })" % r,
         pick(noise_contrastive(V.f, V.g, .2, V.more)), "f", "g", "more")
    case("nt_xent(f, g, { %s })" % r, pick(views(V.f, V.g, .5)), "f", "g")
pair = torch.cat([torch.arange(n), torch.arange(n)])
case("nt_xent(f, g, { temperature = .3 })", losses.NTXentLoss(.3)(torch.cat([V.f, V.g]), pair), "f", "g")
# Centres: rows 0 .. 3 of h stand for them.
for how in ("mean", "sum", "none"):
    each = torch.stack([(V.f[i] - V.h[V.labels[i]]).pow(2).sum() / 2 for i in range(n)])
    case('centers(h, f, labels, "%s")' % how, {"mean": each.mean(), "sum": each.sum(), "none": each}[how], "f", "h")
moved = V.h[:c].detach().clone()
for j in range(c):
    own = [i for i in range(n) if V.labels[i] == j]
    moved[j] -= .5 * sum(V.h[j].detach() - V.f[i].detach() for i in own) / (1 + len(own))


def lua(value):
    if isinstance(value, dict):
        return "{ " + ", ".join("%s = %s" % (k, lua(v)) for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    if isinstance(value, torch.Tensor):
        return lua(value.tolist())
    if isinstance(value, str):
        return "[[%s]]" % value
    assert not isinstance(value, float) or math.isfinite(value)
    return "%d" % value if isinstance(value, int) else "%.9g" % value


with open("golden.lua", "w") as file:
    print("-- Written by make.py.", file=file)
    print("return {", file=file)
    print("  inputs = %s," % lua(inputs), file=file)
    print("  labels = %s," % lua(labels), file=file)
    print("  moved = %s," % lua(moved), file=file)
    print("  cases = {", file=file)
    for one in cases:
        print("    %s," % lua(one), file=file)
    print("  },\n}", file=file)
