"""The peer of `calr bench infer`: the features of a batch in PyTorch (form: eager, frozen or compiled) or by OpenVINO
(form: openvino), which gets the network from PyTorch."""
import common

options = common.options()

from importlib.metadata import version  # noqa: E402  (after the number of threads is set)

import torch  # noqa: E402

import networks  # noqa: E402


def freeze(net, images):
    return torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, images)))


def by_openvino(net, images, given):
    import openvino

    with torch.no_grad():
        model = openvino.convert_model(net, example_input=images)
    model.reshape(list(images.shape))
    compiled = openvino.Core().compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": given["threads"],
        "INFERENCE_PRECISION_HINT": "bf16" if given.get("precision") == "bf16" else "f32"})
    request, pixels = compiled.create_infer_request(), openvino.Tensor(images.contiguous().numpy())

    def work():
        request.infer([pixels], share_inputs=True, share_outputs=True)

    for _ in range(3):
        work()
    return work


def title():
    if options["form"] != "openvino":
        return networks.title(" " + options["form"])
    return "OpenVINO " + version("openvino")


def prepare(given):
    net, images = networks.make(given)
    net.eval()
    if given["form"] == "openvino":
        return by_openvino(net, images, given)
    if given["form"] == "frozen":
        with torch.no_grad():
            if net.trunk is None:
                net = freeze(net, images)
            else:  # the trunk only: the powers of the pooling break the tool
                net.trunk = freeze(net.trunk, images)
    elif given["form"] == "compiled":
        net = torch.compile(net)
    elif given["form"] != "eager":
        raise SystemExit("there is no form %s; there are: eager, frozen, compiled, openvino" % given["form"])
    low = given.get("precision") == "bf16"

    def work():
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            net(images)

    for _ in range(3):
        work()
    return work


common.serve(title, prepare)
