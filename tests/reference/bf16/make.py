"""Golden values of bf16 operations by PyTorch (2.x, CPU): golden.safetensors, bf16 inputs and outputs as they are.

    python3 make.py
"""
import json
import pathlib
import struct

import torch
from torch.nn import functional as F

torch.manual_seed(1)
here = pathlib.Path(__file__).parent
tensors = {}
low = torch.bfloat16


def keep(name, tensor):
    """Images and maps n x c x h x w as n x h x w x c."""
    tensor = tensor.detach()
    if tensor.dim() == 4 and name.split(".")[1] not in ("w", "dw"):
        tensor = tensor.permute(0, 2, 3, 1)
    tensors[name] = tensor.contiguous().clone()


def conv(name, n, h, w, c_in, c_out, kernel, stride, padding, groups=1):
    x = torch.randn(n, c_in, h, w).to(low).requires_grad_()
    weight = (torch.randn(c_out, c_in // groups, kernel, kernel) / 3).to(low).requires_grad_()
    y = F.conv2d(x, weight, None, stride, padding, 1, groups)
    dy = torch.randn(y.shape).to(low)
    y.backward(dy)
    for key, value in dict(x=x, w=weight, y=y, dy=dy, dx=x.grad, dw=weight.grad).items():
        keep(f"{name}.{key}", value)


def batch_norm(name, n, h, w, c, relu, residual):
    x = (torch.randn(n, c, h, w) * 2 + torch.randn(1, c, 1, 1)).to(low).requires_grad_()
    gamma, beta = torch.randn(c).requires_grad_(), torch.randn(c).requires_grad_()
    mean, var = torch.randn(c), torch.rand(c)
    keep(f"{name}.mean", mean)
    keep(f"{name}.var", var)
    y = F.batch_norm(x, mean, var, gamma, beta, True, 0.1, 1e-5)
    extra = torch.randn(x.shape).to(low).requires_grad_()
    if residual:
        y = y + extra
    if relu:
        y = F.relu(y)
    dy = torch.randn(y.shape).to(low)
    y.backward(dy)
    for key, value in dict(x=x, gamma=gamma, beta=beta, y=y, dy=dy, dx=x.grad, dgamma=gamma.grad, dbeta=beta.grad,
                           new_mean=mean, new_var=var).items():
        keep(f"{name}.{key}", value)
    if residual:
        keep(f"{name}.residual", extra)
        keep(f"{name}.dresidual", extra.grad)


def max_pool(name, n, h, w, c):
    x = torch.randn(n, c, h, w).to(low).requires_grad_()
    y = F.max_pool2d(x, 3, 2, 1)
    dy = torch.randn(y.shape).to(low)
    y.backward(dy)
    for key, value in dict(x=x, y=y, dy=dy, dx=x.grad).items():
        keep(f"{name}.{key}", value)


conv("conv3", 2, 9, 6, 8, 16, 3, 1, 1)
conv("conv3s2", 2, 9, 6, 8, 16, 3, 2, 1)
conv("conv1", 3, 8, 4, 16, 24, 1, 1, 0)
conv("depthwise", 2, 8, 6, 16, 16, 3, 1, 1, 16)
batch_norm("norm", 3, 5, 4, 12, False, False)
batch_norm("norm_relu", 3, 5, 4, 12, True, False)
batch_norm("norm_residual", 3, 5, 4, 12, True, True)
max_pool("max_pool", 2, 9, 6, 8)

header, blob = {}, b""
for name, tensor in tensors.items():
    data = tensor.view(torch.int16).numpy().tobytes() if tensor.dtype == low else tensor.numpy().tobytes()
    header[name] = {"dtype": "BF16" if tensor.dtype == low else "F32", "shape": list(tensor.shape),
                    "data_offsets": [len(blob), len(blob) + len(data)]}
    blob += data
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(here / "golden.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + blob)
