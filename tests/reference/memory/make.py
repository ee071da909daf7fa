#!/usr/bin/env python3
"""Writes golden.lua: losses of memories and their gradients by PyTorch, term by term as the papers' code has them."""
import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.RandomState(5)
torch.set_default_dtype(torch.float64)


def unit(n, d):
    x = rng.randn(n, d)
    return torch.tensor(np.round(x / np.linalg.norm(x, axis=1, keepdims=True), 6).tolist())


def integers(x):
    return torch.tensor([int(v) for v in x])


def plain(x):
    return np.array(x.detach().tolist())


def lua(value):
    if isinstance(value, dict):
        return "{ " + ", ".join("%s = %s" % (k, lua(v)) for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return lua(value.tolist())
    return "%d" % value if isinstance(value, (int, np.integer)) else "%.9g" % value


def outcome(loss, features):
    gradient, = torch.autograd.grad(loss, features, retain_graph=True)
    return {"loss": loss.item(), "gradient": gradient}


n, d, b = 30, 6, 7
vectors, features = unit(n, d), unit(b, d).requires_grad_()
labels = rng.randint(-1, 5, n)
cameras = rng.randint(0, 4, n)
rows = rng.choice(np.flatnonzero(labels >= 0), b, replace=False)
cases = {"vectors": vectors, "features": features.detach(), "labels": labels, "cameras": cameras, "rows": rows}

# instance: every image is its own class
cases["instance"] = outcome(F.cross_entropy(features @ vectors.T / 0.1, integers(rows)), features)

# SpCL: similarities averaged over the images of a class; outliers are classes of one image
classes = labels.copy()
classes[labels < 0] = labels.max() + 1 + np.arange((labels < 0).sum())
similarity = features @ vectors.T / 0.1
mean = torch.stack([similarity[:, integers(np.flatnonzero(classes == c))].mean(1) for c in range(classes.max() + 1)], 1)
mixed = np.concatenate([rows[:4], np.flatnonzero(labels < 0)[:3]])
cases["mixed"] = mixed
cases["hybrid"] = outcome(F.cross_entropy(mean, integers(classes[mixed])), features)

# the memories after an update
moved = vectors.clone()
for feature, row in zip(features.detach(), mixed.tolist()):
    moved[row] = F.normalize(0.2 * moved[row] + 0.8 * feature, dim=0)
cases["moved"] = moved
cases["means"] = torch.stack([moved[integers(np.flatnonzero(classes == c))].mean(0) for c in range(classes.max() + 1)])

# MoCo
keys, queue = unit(b, d), unit(11, d)
logits = torch.cat([(features * keys).sum(1, keepdim=True), features @ queue.T], 1) / 0.1
cases["keys"], cases["queue"] = keys, queue
cases["moco"] = outcome(F.cross_entropy(logits, torch.zeros(b, dtype=torch.long)), features)

# camera proxies, in the order of first appearance
pairs = [(label, camera) for label, camera in zip(labels, cameras) if label >= 0]
proxies = list(dict.fromkeys(pairs))
memory = torch.stack([F.normalize(vectors[integers(np.flatnonzero((labels == l) & (cameras == c)))].mean(0), dim=0) for l, c in proxies])
own = [proxies.index((labels[r], cameras[r])) for r in rows]
scores = features @ memory.T
logits = scores / 0.1
cluster, camera = np.array(proxies).T
negatives, positives, balance = 4, 2, 0.15
terms = {"intra": 0, "offline": 0, "online": 0}
for c in np.unique(cameras[rows]):
    batch = np.flatnonzero(cameras[rows] == c)
    for i in batch.tolist():
        same = np.flatnonzero(camera == c)
        terms["intra"] -= F.log_softmax(logits[i, integers(same)], 0)[list(same).index(own[i])] / len(batch)
        pos = np.flatnonzero(cluster == labels[rows[i]])
        rest = np.setdiff1d(np.arange(len(proxies)), pos)
        hard = rest[np.argsort(-plain(scores[i])[rest])[:negatives]]
        terms["offline"] -= F.log_softmax(logits[i, integers(np.concatenate([pos, hard]))], 0)[: len(pos)].mean() / len(batch)
        s = plain(balance * scores[i] + (1 - balance) * memory @ memory[own[i]])
        tops = np.array([np.flatnonzero(camera == q)[s[camera == q].argmax()] for q in np.unique(camera)])
        pos = tops[np.argsort(-s[tops])[:positives]]
        rest = np.setdiff1d(np.arange(len(proxies)), pos)
        hard = rest[np.argsort(-s[rest])[:negatives]]
        terms["online"] -= F.log_softmax(logits[i, integers(np.concatenate([pos, hard]))], 0)[: len(pos)].mean() / len(batch)
cases["proxies"] = memory
for name, loss in terms.items():
    cases[name] = outcome(loss, features)

with open("golden.lua", "w") as out:
    out.write("-- Written by make.py.\nreturn {\n")
    for key, value in cases.items():
        out.write("  %s = %s,\n" % (key, lua(value)))
    out.write("}\n")
