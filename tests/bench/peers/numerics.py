"""The peer of `calr bench numerics`: the same batch and the same epoch in PyTorch, in f32 and in f64.

The folder has weights.safetensors (calr's names), images.npy [n, h, w, 3], labels.npy, vectors.npy (of the memory) and
first.safetensors: calr's gradients of the first batch ("gradient.NAME"), what its ReLUs gave ("relu.1", "relu.2", ... in
the order of the forward pass) and what its max pooling was given ("maxpool").
"""
import json
import os
import struct

import common

options = common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import networks  # noqa: E402

relu, max_pool2d = F.relu, F.max_pool2d


def load(name):
    path = os.path.join(options["folder"], name)
    if name.endswith(".npy"):
        return torch.from_numpy(np.load(path))
    with open(path, "rb") as file:
        head = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    kinds = {"F32": np.float32, "I32": np.int32, "I64": np.int64}
    tensors = {}
    for key, entry in head.items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            array = np.frombuffer(data[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
            tensors[key] = torch.from_numpy(array.copy())
    return tensors


def name_here(name):
    if name.startswith(("pool.", "neck.")):
        return name
    if options["network"] != "small":
        return "trunk.body." + name
    if name.startswith("layer"):
        stage, _, rest = name.split(".", 2)
        return "trunk.layers.%d.%s" % (int(stage[5:]) - 1, rest)
    return "trunk." + name


def make(kind):
    net, _ = networks.make({**options, "height": 8, "width": 8, "batch": 1})
    here = net.state_dict()
    for name, tensor in load("weights.safetensors").items():
        if name_here(name) in here:
            here[name_here(name)].copy_(tensor.reshape(here[name_here(name)].shape))
    return net.to(kind).train()


def nchw(maps, kind):
    return maps.permute(0, 3, 1, 2).to(kind).contiguous(memory_format=torch.channels_last)


def loss_of(features, vectors, labels):
    return F.cross_entropy(features @ vectors.t() / 0.05, labels)


class Decided:
    """While it is entered, ReLUs let through what calr's did, and max pooling takes the pixels that calr's took."""

    def __init__(self, first):
        self.first, self.count = first, 0

    def relu(self, x, inplace=False):
        self.count += 1
        return x * (nchw(self.first["relu.%d" % self.count], x.dtype) > 0)

    def pool(self, x, *args, **more):
        more["return_indices"] = True
        more = {key: more[key] for key in ("ceil_mode", "return_indices") if key in more}
        taken = max_pool2d(nchw(self.first["maxpool"], x.dtype), *args[:4], **more)[1]
        return x.flatten(2).gather(2, taken.flatten(2)).view(taken.shape)

    def __enter__(self):
        F.relu, F.max_pool2d = self.relu, self.pool

    def __exit__(self, *_):
        F.relu, F.max_pool2d = relu, max_pool2d


def gradients(kind, images, labels, vectors):
    net = make(kind)
    batch = options["batch"]
    loss_of(net(nchw(images[:batch], kind)), vectors.to(kind), labels[:batch]).backward()
    return {name: p.grad.double() for name, p in net.named_parameters() if p.grad is not None}


def compare(name, found, exact):
    apart = sorted((float((found[key] - g).norm() / g.norm()), key) for key, g in exact.items() if g.norm() > 0)
    return {"name": name, "median": apart[len(apart) // 2][0], "worst": apart[-1][0], "parameter": apart[-1][1]}


def epoch(kind, images, labels, vectors):
    net, losses, batch = make(kind), [], options["batch"]
    vectors = vectors.to(kind).clone()
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=options["lr"],
                                 weight_decay=options["decay"])
    for at in range(0, len(images), batch):
        wanted = labels[at:at + batch]
        features = net(nchw(images[at:at + batch], kind))
        loss = loss_of(features, vectors, wanted)
        losses.append(float(loss))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for x, y in zip(features, wanted):
                vectors[y] = F.normalize(0.1 * vectors[y] + 0.9 * x, dim=0)
    return losses


def prepare(given):
    images, labels, vectors = load("images.npy"), load("labels.npy").long(), load("vectors.npy")
    first = load("first.safetensors")
    title = "torch %s, " % torch.__version__.split("+")[0]
    exact = gradients(torch.float64, images, labels, vectors)
    with Decided(first):
        decided = gradients(torch.float64, images, labels, vectors)
    ours = {name_here(key[len("gradient."):]): value.double() for key, value in first.items()
            if key.startswith("gradient.")}
    ours = {key: value.reshape(exact[key].shape) for key, value in ours.items() if key in exact}
    found["gradients"] = [
        compare("calr", ours, exact),
        compare(title + "f32", gradients(torch.float32, images, labels, vectors), exact),
        compare("calr, from f64 with calr's decisions", ours, decided),
    ]
    curves = [(title + "f32", torch.float32, given["threads"]), (title + "f32, one thread", torch.float32, 1),
              (title + "f64", torch.float64, given["threads"])]
    found["curves"] = []
    for name, kind, threads in curves:
        torch.set_num_threads(threads)
        options["threads"] = threads
        found["curves"].append({"name": name, "losses": epoch(kind, images, labels, vectors)})
    return lambda: None


found = {}
common.serve(networks.title(), prepare, lambda: found)
