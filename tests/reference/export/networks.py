"""Exports every network of calr and compares the files with other programs: ONNX with onnxruntime, for one image and for
three; .pth with torch.load(weights_only=True), and the residual networks with torchvision's, whose norms are taken out.

    python3 -m venv venv && venv/bin/pip install onnxruntime onnx numpy torch torchvision
    venv/bin/python tests/reference/export/networks.py build/calr [NETWORK ...]

torch and torchvision may be missing: then only ONNX is compared. A difference above 1e-4 ends with an error.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

try:
    import torch
    import torchvision
except ImportError:
    torch = None

CASES = {  # name: options, height, width
    "small": ("small", "{}", 64, 32), "resnet18": ("resnet18", "{}", 256, 128),
    "resnet34": ("resnet34", "{}", 128, 64), "resnet50": ("resnet50", "{}", 256, 128),
    "resnet101": ("resnet101", "{}", 64, 32), "resnet152": ("resnet152", "{}", 64, 32),
    "resnet50_ibn": ("resnet50", "{ ibn = true }", 256, 128),
    "resnet50_average": ("resnet50", "{ pooling = 'average', last_stride = 2 }", 224, 96),
    "osnet_x1_0": ("osnet_x1_0", "{}", 256, 128), "osnet_x0_25_ibn": ("osnet_x0_25", "{ ibn = true }", 256, 128),
    "mobilenet_v2": ("mobilenet_v2", "{}", 256, 128),
    "efficientnet_lite0": ("efficientnet_lite0", "{}", 256, 128),
    "efficientnet_lite1": ("efficientnet_lite1", "{}", 256, 128),
    "efficientnet_lite2": ("efficientnet_lite2", "{}", 255, 127),
    "vit_small": ("vit_small", "{}", 256, 128), "vit_overlap": ("vit_small", "{ stride = 12, depth = 3 }", 256, 128),
    "parts": ("parts", "{ network = 'resnet50', parts = 6 }", 384, 128),
    "pplr_parts": ("parts", "{ network = 'resnet18', parts = 3, whole = true, reduction = false }", 256, 128),
}

SCRIPT = """
local calr, T = require "calr", require "calr.tensor"
local name, options, height, width, base = {name}, {options}, {height}, {width}, {base}
local make = name == "parts" and calr.models.parts or calr.models[name]
local net = make(options)
for tensor_name, tensor in pairs(net:state()) do
  local stream = calr.rng.open {{ seed = 3, purpose = tensor_name }}
  tensor = tensor:detach() -- parameters are not written into while they need gradients
  if tensor_name:match "running_var$" then stream:fill_uniform(tensor, 0.5, 1.5)
  elseif tensor_name:match "running_mean$" or tensor_name:match "bias$" then stream:fill_uniform(tensor, -0.3, 0.3)
  elseif tensor:dim() == 1 and tensor_name:match "weight$" then stream:fill_uniform(tensor, 0.7, 1.3) end
end
local images = calr.rng.open {{ seed = 5, purpose = "images" }}:fill_normal(T.zeros {{ 3, height, width, 3 }})
local started = calr.sys.clock()
local about = calr.export.save(net, base .. ".onnx", {{ height = height, width = width }})
local seconds = calr.sys.clock() - started
calr.export.save(net, base .. ".pth", {{ height = height, width = width }})
net:train(false)
calr.npy.save(base .. ".images.npy", images:permute(1, 4, 2, 3):contiguous())
calr.npy.save(base .. ".npy", calr.no_grad(function() return net:forward(images, {{}}) end))
print(calr.json.encode {{ seconds = seconds, operators = about.operators, bytes = about.bytes }})
"""


def torch_features(name, state, images):
    """What torchvision's network computes with the folded weights, its norms replaced by nothing."""
    net = getattr(torchvision.models, name)()
    for module in list(net.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, torch.nn.BatchNorm2d):
                setattr(module, child_name, torch.nn.Identity())
            elif isinstance(child, torch.nn.Conv2d) and child.bias is None:
                child.bias = torch.nn.Parameter(torch.zeros(child.out_channels))
    last = net.layer4[0]  # calr's networks have no stride there
    for part in (last.conv1, last.conv2, last.downsample[0]):
        part.stride = (1, 1)
    missing, unexpected = net.load_state_dict({k: v for k, v in state.items() if not k.startswith(("neck.", "pool."))},
                                              strict=False)
    assert not unexpected and all(k.startswith("fc.") for k in missing), (missing, unexpected)
    net.eval()
    with torch.no_grad():
        x = net.maxpool(net.relu(net.conv1(torch.from_numpy(images))))
        x = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        p = state["pool.p"]
        x = x.clamp(min=1e-6).pow(p).mean((2, 3)).pow(1 / p)
        x = torch.nn.functional.batch_norm(x, state["neck.running_mean"], state["neck.running_var"],
                                           state["neck.weight"], state["neck.bias"])
        return torch.nn.functional.normalize(x).numpy()


def main():
    program, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:] or list(CASES)
    worst = 0.0
    for case in wanted:
        name, options, height, width = CASES[case]
        with tempfile.TemporaryDirectory() as folder:
            base = os.path.join(folder, case)
            script = SCRIPT.format(name=json.dumps(name), options=options, height=height, width=width,
                                   base=json.dumps(base))
            path = os.path.join(folder, "case.lua")
            with open(path, "w") as file:
                file.write(script)
            about = json.loads(subprocess.run([program, path], check=True, stdout=subprocess.PIPE, text=True).stdout)
            images, want = numpy.load(base + ".images.npy"), numpy.load(base + ".npy")
            onnx.checker.check_model(base + ".onnx", full_check=True)
            session = onnxruntime.InferenceSession(base + ".onnx", providers=["CPUExecutionProvider"])
            got = session.run(None, {"images": images})[0]
            one = session.run(None, {"images": images[:1]})[0]
            error = max(abs(got - want).max(), abs(one - want[:1]).max())
            line = f"{case:18} {want.shape[1]:5} features, {about['operators']:4} operators, " \
                   f"{about['bytes'] / 2**20:6.1f} MiB in {about['seconds']:5.1f} s: onnxruntime {error:.1e}"
            if torch:
                state = torch.load(base + ".pth", weights_only=True)
                if case in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
                    other = abs(torch_features(name, state, images) - want).max()
                    line, error = line + f", torchvision {other:.1e}", max(error, other)
            print(line, flush=True)
            worst = max(worst, error)
    if not worst <= 1e-4:
        sys.exit(f"the worst difference is {worst:.2g}, above 1e-4")


main()
