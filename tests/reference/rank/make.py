#!/usr/bin/env python3
"""Writes golden.lua: ranking metrics by their plain definitions, on full sorted lists."""
import os

import numpy as np


def judge(q, g, qi, gi, qc, gc, ap_kind, max_rank):
    distance = ((q[:, None, :].astype(np.float64) - g[None, :, :]) ** 2).sum(2)
    return judge_distance(distance, qi, gi, qc, gc, ap_kind, max_rank)


def judge_distance(distance, qi, gi, qc, gc, ap_kind, max_rank):
    aps, inps, firsts = [], [], []
    for i in range(len(qi)):
        order = np.argsort(distance[i], kind="stable")
        keep = gi[order] != -1
        if qc is not None:
            keep &= ~((gi[order] == qi[i]) & (gc[order] == qc[i]))
        match = (gi[order] == qi[i])[keep]
        if qi[i] == -1 or not match.any():
            aps.append(-1.0)
            firsts.append(-1)
            continue
        total = match.sum()
        ap, hits, old_recall, old_precision = 0.0, 0, 0.0, 1.0
        for position, hit in enumerate(match):
            hits += hit
            recall, precision = hits / total, hits / (position + 1)
            if ap_kind == "trapezoid":
                ap += (recall - old_recall) * (old_precision + precision) / 2
            elif hit:
                ap += precision / total
            old_recall, old_precision = recall, precision
        ranks = np.flatnonzero(match) + 1
        aps.append(ap)
        firsts.append(int(ranks[0]))
        inps.append(total / ranks[-1])
    found = np.array([f for f in firsts if f > 0])
    return {
        "mAP": float(np.mean([a for a in aps if a >= 0])),
        "mINP": float(np.mean(inps)),
        "valid": len(found),
        "cmc": [float((found <= r).mean()) for r in range(1, max_rank + 1)],
        "average_precision": aps,
        "first_match": firsts,
    }


def rerank(q, g, k1, k2, weight):
    """Zhong et al., CVPR 2017, dense, as their published code has it (distances divided by the largest of the row)."""
    x = np.concatenate([q, g]).astype(np.float64)
    n = len(x)
    distance = np.maximum(0, 2 - 2 * x @ x.T)
    np.fill_diagonal(distance, 0)
    distance /= distance.max(axis=1, keepdims=True)
    order = np.argsort(distance, axis=1, kind="stable")
    half = int(np.around(k1 / 2))

    def reciprocal(i, k):
        return {int(j) for j in order[i, :k + 1] if i in order[j, :k + 1]}

    v = np.zeros((n, n))
    for i in range(n):
        near = reciprocal(i, k1)
        wide = set(near)
        for j in near:
            other = reciprocal(j, half)
            if len(other & near) > 2 / 3 * len(other):
                wide |= other
        wide = sorted(wide)
        v[i, wide] = np.exp(-distance[i, wide])
        v[i] /= v[i].sum()
    v = np.stack([v[order[i, :k2]].mean(0) for i in range(n)])
    common = np.stack([np.minimum(v[i], v[len(q):]).sum(1) for i in range(len(q))])
    return (1 - weight) * (1 - common / (2 - common)) + weight * distance[:len(q), len(q):]


def expand(q, g, k, alpha, same=False):
    """Average (alpha = 0) and alpha query expansion by their formulas: Chum et al. 2007, Radenovic et al. 2019."""
    q, g = q.astype(np.float64), g.astype(np.float64)
    out = []
    for i, x in enumerate(q):
        similarity = g @ x
        if same:
            similarity[i] = -np.inf
        near = np.argsort(-similarity, kind="stable")[:k]
        weights = np.maximum(0, similarity[near]) ** alpha if alpha > 0 else np.ones(k)
        y = x + (weights[:, None] * g[near]).sum(0)
        out.append(y / np.linalg.norm(y))
    return np.array(out)


def pool(q, qi, qc, m, mi, mc, how):
    """Multi-query: the features of all images of the query's identity and camera, pooled (Zheng et al., ICCV 2015)."""
    out = q.astype(np.float64).copy()
    for i in range(len(q)):
        own = m[(mi == qi[i]) & (mc == qc[i])].astype(np.float64)
        if len(own):
            out[i] = own.max(0) if how == "max" else own.mean(0)
            out[i] /= np.linalg.norm(out[i])
    return out


def lua(value):
    if value is None:
        return "nil"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {lua(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, (tuple, list, np.ndarray)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    return repr(int(value)) if isinstance(value, (int, np.integer)) else f"{float(value):.9g}"


def case(rng, queries, gallery, dim, identities, cameras, coarse, with_cameras):
    centres = rng.normal(size=(identities + 1, dim))
    sets = []
    for count, low in ((queries, 1), (gallery, -1)):
        ids = rng.integers(low, identities + 1, count)
        x = centres[ids] * (ids > 0)[:, None] + rng.normal(size=(count, dim)) * 1.2
        if coarse:  # small whole numbers: many exact ties
            x = np.round(x)
        else:
            x /= np.linalg.norm(x, axis=1, keepdims=True)
        sets.append((x.astype(np.float32), ids, rng.integers(0, cameras, count)))
    (q, qi, qc), (g, gi, gc) = sets
    if not with_cameras:
        qc = gc = None
    out = {"query": q, "gallery": g, "query_ids": qi, "gallery_ids": gi, "query_cameras": qc, "gallery_cameras": gc}
    for kind in ("step", "trapezoid"):
        out[kind] = judge(q, g, qi, gi, qc, gc, kind, 20)
    return out


def main():
    rng = np.random.default_rng(11)
    cases = [
        case(rng, 12, 60, 6, 8, 3, False, True),
        case(rng, 15, 50, 3, 6, 2, True, True),
        case(rng, 10, 30, 4, 12, 2, False, False),
        case(rng, 6, 9, 2, 3, 2, True, True),
    ]
    for one, (k1, k2, weight) in ((cases[0], (20, 6, 0.3)), (cases[2], (7, 3, 0.6))):
        distance = rerank(one["query"], one["gallery"], k1, k2, weight)
        one["rerank"] = {"k1": k1, "k2": k2, "lambda": weight}
        one["reranked"] = judge_distance(
            distance, one["query_ids"], one["gallery_ids"], one["query_cameras"], one["gallery_cameras"], "step", 20)
        one["reranked_distance"] = distance
    for one in (cases[0], cases[2]):
        q, g = one["query"], one["gallery"]
        one["expanded"] = [
            {"k": k, "alpha": alpha, "query": expand(q, g, k, alpha), "gallery": expand(g, g, k, alpha, True),
             "result": judge(expand(q, g, k, alpha), g, one["query_ids"], one["gallery_ids"], one["query_cameras"],
                             one["gallery_cameras"], "step", 20)}
            for k, alpha in ((1, 0.0), (5, 0.0), (5, 3.0), (10, 1.5))]
    one = cases[0]
    rng = np.random.default_rng(12)
    m = rng.normal(size=(40, 6))
    m = (m / np.linalg.norm(m, axis=1, keepdims=True)).astype(np.float32)
    mi, mc = rng.integers(1, 9, 40), rng.integers(0, 3, 40)
    one["multi"] = {"features": m, "ids": mi, "cameras": mc}
    for how in ("mean", "max"):
        one["multi"][how] = pool(one["query"], one["query_ids"], one["query_cameras"], m, mi, mc, how)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "golden.lua"), "w") as out:
        out.write("-- Written by make.py.\nreturn {\n")
        for one in cases:
            out.write("  {\n")
            for key, value in one.items():
                if value is not None:
                    out.write(f"    {key} = {lua(value)},\n")
            out.write("  },\n")
        out.write("}\n")


if __name__ == "__main__":
    main()
