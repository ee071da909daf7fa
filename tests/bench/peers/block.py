"""The peer of `calr bench block`: a block of a vision transformer in PyTorch, eager, with its fused attention."""
import common

given = common.options()

import torch  # noqa: E402  (after the number of threads is set)
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402


class Block(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(channels, eps=1e-6), nn.LayerNorm(channels, eps=1e-6)
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.fc1, self.fc2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(y.transpose(1, 2).reshape(b, n, c))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


def prepare(options):
    torch.set_num_threads(options.get("threads", 1))
    block = Block(options["channels"], options["heads"])
    x = torch.randn(options["batch"], options["tokens"], options["channels"], requires_grad=True)
    dy = torch.ones_like(x)
    low = options.get("precision") == "bf16"

    def work():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            if not options["backward"]:
                with torch.no_grad():
                    block(x)
                return
            y = block(x)
        y.backward(dy.to(y.dtype))
        x.grad = None
        block.zero_grad(set_to_none=True)

    for _ in range(2):
        work()
    return work


common.serve("PyTorch " + torch.__version__.split("+")[0] + " eager", prepare)
