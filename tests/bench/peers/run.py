"""The peer of `calr bench run`: one epoch of CALR in PyTorch, faiss and infomap, by phase: features, neighbours,
clustering, refinement, training, evaluation. The images are files; local clusters are the true identities."""
import glob

import common

given = common.options()
common.best_blas()

import faiss  # noqa: E402  (after the number of threads and the kernels are set)
import infomap  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import files  # noqa: E402
import networks  # noqa: E402
from rank_evaluate import distances, evaluate  # noqa: E402

faiss.omp_set_num_threads(given["threads"])
found = {"phases": {}}


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


def camera_head(dim, cameras):
    return nn.Sequential(nn.Linear(dim, 100), nn.BatchNorm1d(100), nn.ReLU(), nn.Dropout(0.5), nn.Linear(100, 100),
                         nn.BatchNorm1d(100), nn.ReLU(), nn.Linear(100, cameras))


def autocast():
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=given.get("precision") == "bf16")


def loader(paths, train, **how):
    workers = given["threads"] if given["threads"] > 1 else 0
    return torch.utils.data.DataLoader(files.Files(paths, files.transforms(given, train)), num_workers=workers, **how)


def extract(net, paths):
    net.eval()
    with torch.inference_mode(), autocast():
        return torch.cat([net(x.contiguous(memory_format=torch.channels_last)).float()
                          for x in loader(paths, False, batch_size=given["batch"])])


def nearest(features, k):
    index = faiss.IndexFlatIP(features.shape[1])
    index.add(features)
    return index.search(features, k)


def global_clusters(similarities, indices, least_similarity, least_size):
    images = np.repeat(np.arange(len(indices)), indices.shape[1])
    kept = (similarities.ravel() >= least_similarity) & (indices.ravel() != images)
    network = infomap.Infomap("--directed --two-level --silent")
    network.add_links(np.stack([images[kept], indices.ravel()[kept], similarities.ravel()[kept]], 1).astype(float))
    network.run()
    labels = np.full(len(indices), -1)
    for node in network.nodes:
        labels[node.node_id] = node.module_id
    _, labels[labels >= 0], sizes = np.unique(labels[labels >= 0], return_inverse=True, return_counts=True)
    labels[(labels >= 0) & (sizes[labels] < least_size)] = -1
    return np.unique(labels, return_inverse=True)[1] - int((labels < 0).any())


def refined(labels, locals_, cameras, similarities, indices):
    """A member is discarded if it is of its pivot's camera, but not of the pivot's local cluster."""
    far = 1 - similarities
    scores = (1 / (far + far.mean())).sum(1)
    result = labels.copy()
    for cluster in range(labels.max() + 1):
        members = np.flatnonzero(labels == cluster)
        pivot = members[scores[members].argmax()]
        wrong = (cameras[members] == cameras[pivot]) & (locals_[members] != locals_[pivot])
        result[members[wrong]] = -1
    return result


def batches(labels, count):
    """Images of `clusters` clusters, `instances` of each, drawn at random."""
    members = [np.flatnonzero(labels == cluster) for cluster in range(labels.max() + 1)]
    members = [m for m in members if len(m) > 1]
    random = np.random.default_rng(1)
    for _ in range(count):
        chosen = random.choice(len(members), given["clusters"], replace=len(members) < given["clusters"])
        yield np.concatenate([random.choice(members[c], given["instances"], replace=len(members[c]) < given["instances"])
                              for c in chosen])


def train(net, head, features, labels, cameras, paths):
    net.train()
    parameters = [p for p in [*net.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=3.5e-4, weight_decay=5e-4)
    vectors = torch.stack([F.normalize(features[labels == c].mean(0), dim=0) for c in range(labels.max() + 1)])
    targets, of_camera = torch.from_numpy(labels).long(), torch.from_numpy(cameras).long()
    chosen = list(batches(labels, given["iterations"]))
    for rows, x in zip(chosen, loader(paths, True, batch_sampler=chosen)):
        y, c = targets[rows], of_camera[rows]
        with autocast():
            f = net(x.contiguous(memory_format=torch.channels_last)).float()
        kept = y >= 0
        loss = F.cross_entropy(f[kept] @ vectors.t() / 0.05, y[kept]) + F.cross_entropy(head(Reversal.apply(f)), c)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():  # as the field's cluster memory does it
            for feature, label in zip(f[kept], y[kept]):
                vectors[label] = F.normalize(0.1 * vectors[label] + 0.9 * feature, dim=0)


def take_weights(trunk, path):
    """Sets the trunk's numbers, in the order of its layers: names differ from program to program."""
    state, numbers = trunk.state_dict(), list(torch.load(path, map_location="cpu", weights_only=True).values())
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    numbers = [n for n in numbers if n.ndim > 0][:len(names)]
    for name, n in zip(names, numbers):
        if state[name].shape != n.shape:
            raise SystemExit("%s has %s numbers, not %s" % (path, tuple(n.shape), tuple(state[name].shape)))
        state[name] = n
    trunk.load_state_dict(state)


def prepare(given):
    paths = {part: sorted(glob.glob("%s/%s/*.jpg" % (given["folder"], part))) for part in ("train", "query", "gallery")}
    ids, cameras = ({part: np.load("%s/%s-%s.npy" % (given["folder"], part, what)) for part in paths}
                    for what in ("ids", "cameras"))
    net, _ = networks.make(given)
    if given["weights"]:
        take_weights(net.trunk, given["weights"])
    head = camera_head(net.dim, int(cameras["train"].max()) + 1)

    def phase(name, function, *arguments):
        began = common.clock()
        result = function(*arguments)
        found["phases"][name] = common.clock() - began
        return result

    def judge():
        query, gallery = extract(net, paths["query"]), extract(net, paths["gallery"])
        return evaluate(distances(query, gallery), ids["query"], ids["gallery"], cameras["query"], cameras["gallery"])

    def work():
        features = phase("features", extract, net, paths["train"])
        similarities, indices = phase("neighbours", nearest, features.numpy(), given["k"])
        labels = phase("clustering", global_clusters, similarities, indices, 0.5, 5)
        labels = phase("refinement", refined, labels, ids["train"], cameras["train"], similarities, indices)
        phase("training", train, net, head, features, labels, cameras["train"], paths["train"])
        found["mAP"], _ = phase("evaluation", judge)
        return sum(found["phases"].values())

    return work


if __name__ == "__main__":
    common.serve(networks.title(", faiss"), prepare, lambda: found)
