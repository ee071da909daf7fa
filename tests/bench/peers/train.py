"""The peer of `calr bench train`: the same step in PyTorch."""
import time

import common

options = common.options()

import torch  # noqa: E402  (after the number of threads is set)
import torch.nn.functional as F  # noqa: E402

import networks  # noqa: E402


def adam(parameters):
    for settings in ({"fused": True}, {"foreach": True}, {}):
        try:
            return torch.optim.Adam(parameters, lr=3.5e-4, weight_decay=5e-4, **settings)
        except (TypeError, RuntimeError):
            continue


def prepare(given):
    net, images = networks.make(given)
    net.train()
    optimizer = adam([p for p in net.parameters() if p.requires_grad])
    vectors = F.normalize(torch.randn(given["clusters"], net.dim))
    labels = torch.randint(given["clusters"], (given["batch"],))
    forward = torch.compile(net) if given.get("compile") else net
    low = given.get("precision") == "bf16"

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            features = forward(images).float()
        loss = F.cross_entropy(features @ vectors.t() / 0.05, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():  # as the field's cluster memory does it
            for x, y in zip(features, labels):
                vectors[y] = F.normalize(0.1 * vectors[y] + 0.9 * x, dim=0)

    began = time.perf_counter()
    step()
    if time.perf_counter() - began < 2 or given.get("compile"):
        step()
    return step


common.serve(networks.title(" compiled" if options.get("compile") else ""), prepare)
