"""The peers of `calr bench cluster`, part memories: a step of each memory in PyTorch, as this field's code has it: an
autograd function whose backward pass updates the memory sample by sample in Python. With "whole", the same update by
whole tensors: the first samples of all clusters at once, then the second ones, and so on."""
import common

given = common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(given.get("threads", 1))
torch.manual_seed(1)


def means(x, labels):
    vectors = torch.zeros(int(labels.max()) + 1, x.shape[1])
    vectors.index_add_(0, labels, x)
    return F.normalize(vectors)


def one_by_one(vectors, features, labels, momentum):
    for x, y in zip(features, labels.tolist()):
        vectors[y] = momentum * vectors[y] + (1 - momentum) * x
        vectors[y] /= vectors[y].norm()


def in_turns(vectors, features, labels, momentum, turns):
    for rows in turns:
        y = labels[rows]
        vectors[y] = F.normalize(momentum * vectors[y] + (1 - momentum) * features[rows])


def hardest(vectors, features, labels, momentum):
    """Of each cluster the sample least like it."""
    similarity = (vectors[labels] * features).sum(1)
    least = {}
    for i, (y, s) in enumerate(zip(labels.tolist(), similarity.tolist())):
        if y not in least or s < least[y][0]:
            least[y] = (s, i)
    for y, (_, i) in least.items():
        vectors[y] = momentum * vectors[y] + (1 - momentum) * features[i]
        vectors[y] /= vectors[y].norm()


def hardest_whole(vectors, features, labels, momentum):
    similarity = (vectors[labels] * features).sum(1)
    least = torch.full((len(vectors),), float("inf")).scatter_reduce(0, labels, similarity, "amin")
    rows = (similarity == least[labels]).nonzero()[:, 0]
    y = labels[rows]
    vectors[y] = F.normalize(momentum * vectors[y] + (1 - momentum) * features[rows])


class Contrast(torch.autograd.Function):
    """Products with a memory, which the backward pass updates."""

    @staticmethod
    def forward(ctx, features, vectors, update):
        ctx.vectors, ctx.update = vectors, update
        ctx.save_for_backward(features)
        return features @ vectors.t()

    @staticmethod
    def backward(ctx, grad):
        (features,) = ctx.saved_tensors
        inputs = grad @ ctx.vectors
        ctx.update(features)
        return inputs, None, None


def cluster_loss(x, labels, rows):
    vectors, y = means(x, labels), labels[rows]
    turns = []
    for i, label in enumerate(y.tolist()):
        turn = sum(int(other == label) for other in y[:i].tolist())
        while len(turns) <= turn:
            turns.append([])
        turns[turn].append(i)
    turns = [torch.tensor(turn) for turn in turns]
    if given["update"] == "hard":
        rule = hardest_whole if given["whole"] else hardest
    else:
        rule = (lambda *a: in_turns(*a, turns)) if given["whole"] else one_by_one

    def update(features):
        rule(vectors, features, y, 0.1)

    return lambda features: F.cross_entropy(Contrast.apply(features, vectors, update) / 0.05, y)


def instance_loss(x, labels, rows):
    vectors = x.clone()
    return lambda features: F.cross_entropy(
        Contrast.apply(features, vectors, lambda f: one_by_one(vectors, f, rows, 0.2)) / 0.05, rows)


def hybrid_loss(x, labels, rows):
    """Products with all instances, averaged over the clusters, as the hybrid memory's authors do it."""
    vectors, y = x.clone(), labels[rows]
    classes = int(labels.max()) + 1
    count = torch.zeros(classes).index_add_(0, labels, torch.ones(len(labels)))

    def loss(features):
        products = Contrast.apply(features, vectors, lambda f: one_by_one(vectors, f, rows, 0.2)) / 0.05
        sums = torch.zeros(classes, len(features)).index_add(0, labels, products.t())
        return F.cross_entropy((sums / count[:, None]).t(), y)

    return loss


def camera_loss(x, labels, rows):
    """Camera proxies: per camera of the batch, own proxy against those of the camera, and all of the cluster against
    the 50 hardest others."""
    cameras = torch.from_numpy(np.load(given["cameras"])).long()
    pairs, proxy = torch.unique(labels * (int(cameras.max()) + 1) + cameras, return_inverse=True)
    vectors = means(x, proxy)
    of_cluster, of_camera = pairs // (int(cameras.max()) + 1), pairs % (int(cameras.max()) + 1)
    own, y, c = proxy[rows], labels[rows], cameras[rows]

    def loss(features):
        products = Contrast.apply(features, vectors, lambda f: one_by_one(vectors, f, own, 0.2)) / 0.07
        total = 0
        for camera in c.unique():
            here = (c == camera).nonzero()[:, 0]
            inside = (of_camera == camera).nonzero()[:, 0]
            place = {int(p): i for i, p in enumerate(inside)}
            targets = torch.tensor([place[int(p)] for p in own[here]])
            total = total + F.cross_entropy(products[here][:, inside], targets)
            inter = 0
            for i in here:
                positive = (of_cluster == y[i]).nonzero()[:, 0]
                others = products[i].detach().clone()
                others[positive] = -10000.0
                negative = others.topk(50)[1]
                chosen = torch.cat((products[i][positive], products[i][negative]))
                share = torch.zeros(len(chosen))
                share[:len(positive)] = 1.0 / len(positive)
                inter = inter - (F.log_softmax(chosen, 0) * share).sum()
            total = total + inter / len(here)
        return total

    return loss


def queue_loss(x, labels, rows):
    keys = x[rows]
    queue, pointer = keys.repeat(given["keys"] // len(keys), 1).t().contiguous(), [0]

    def loss(features):
        positive = torch.einsum("nc,nc->n", features, keys)[:, None]
        products = torch.cat([positive, features @ queue.clone()], 1) / 0.07
        value = F.cross_entropy(products, torch.zeros(len(keys), dtype=torch.long))
        queue[:, pointer[0]:pointer[0] + len(keys)] = keys.t()
        pointer[0] = (pointer[0] + len(keys)) % queue.shape[1]
        return value

    return loss


losses = {"cluster": cluster_loss, "instance": instance_loss, "hybrid": hybrid_loss, "camera": camera_loss,
          "queue": queue_loss}


def prepare(given):
    x = torch.from_numpy(np.load(given["x"]))
    labels = torch.from_numpy(np.load(given["labels"])).long()
    rows = torch.from_numpy(np.load(given["rows"])).long()
    loss = losses[given["kind"]](x, labels, rows)
    raw = x[rows].clone().requires_grad_()

    def step():
        raw.grad = None
        loss(F.normalize(raw)).backward()

    for _ in range(2):
        step()
    return step


common.serve("torch %s%s" % (torch.__version__.split("+")[0], " whole" if given["whole"] else ""), prepare)
