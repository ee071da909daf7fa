"""The peer of `calr bench cluster`, part ranking: what this field does query by query: the distances by one product,
an order of the whole gallery for each query, junk taken out of it, matches and their precisions."""
import common

given = common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)
import torch  # noqa: E402

torch.set_num_threads(given.get("threads", 1))
found = {}


def distances(query, gallery):
    """Squared euclidean distances."""
    product = torch.addmm(gallery.square().sum(1)[None], query, gallery.t(), alpha=-2)
    return (product + query.square().sum(1)[:, None]).numpy()


def evaluate(matrix, query_ids, gallery_ids, query_cameras, gallery_cameras, longest=20):
    order = np.argsort(matrix, axis=1)
    precisions, matches = [], np.zeros(longest)
    for q in range(len(matrix)):
        ranked = order[q]
        own = (gallery_ids[ranked] == query_ids[q]) & (gallery_cameras[ranked] == query_cameras[q])
        hits = (gallery_ids[ranked] == query_ids[q])[~own].astype(np.int32)
        if not hits.any():
            continue
        matches += (np.cumsum(hits) > 0)[:longest]
        ranks = np.cumsum(hits)
        precisions.append((ranks / np.arange(1, len(hits) + 1) * hits).sum() / hits.sum())
    return float(np.mean(precisions)), matches / len(precisions)


def prepare(given):
    query, gallery = (torch.from_numpy(np.load(given[name])) for name in ("query", "gallery"))
    labels = [np.load(given[name]) for name in ("query_ids", "gallery_ids", "query_cameras", "gallery_cameras")]

    def work():
        found["mAP"], matches = evaluate(distances(query, gallery), *labels)
        found["rank1"] = float(matches[0])

    return work


if __name__ == "__main__":
    common.serve("NumPy %s, torch" % np.__version__, prepare, lambda: found)
