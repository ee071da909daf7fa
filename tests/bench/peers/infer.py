"""The peer of `calr bench infer`: the features of a batch in PyTorch; form: eager, frozen or compiled."""
import common

options = common.options()

import torch  # noqa: E402  (after the number of threads is set)

import networks  # noqa: E402


def freeze(net, images):
    return torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, images)))


def prepare(given):
    net, images = networks.make(given)
    net.eval()
    if given["form"] == "frozen":
        with torch.no_grad():
            if net.trunk is None:
                net = freeze(net, images)
            else:  # the trunk only: the powers of the pooling break the tool
                net.trunk = freeze(net.trunk, images)
    elif given["form"] == "compiled":
        net = torch.compile(net)
    elif given["form"] != "eager":
        raise SystemExit("there is no form %s; there are: eager, frozen, compiled" % given["form"])
    low = given.get("precision") == "bf16"

    def work():
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            net(images)

    for _ in range(3):
        work()
    return work


common.serve(networks.title(" " + options["form"]), prepare)
