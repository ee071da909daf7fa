#!/usr/bin/env python3
"""Golden features of vision transformers, from timm:  python vit.py > vit.json

Parameters and images are numbers that number() makes from a name, here and in tests/lua/layer_rows.lua. The first
network is timm's own; the second has what TransReID changes in it: a stride below the patch, position embeddings that
are interpolated (bilinear) to the grid of the image, and an embedding of the camera, times 3."""
import json

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer


def number(name, i):
    seed = 7
    for byte in name.encode():
        seed = (seed * 31 + byte) % 65521
    return ((i * 7919 + seed * 613) % 1009) / 1009 * 2 - 1


def numbers(name, shape, scale=1.0):
    count = torch.Size(shape).numel()
    return torch.tensor([number(name, i) * scale for i in range(count)], dtype=torch.float64).reshape(shape)


def fill(net):
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(numbers(name, parameter.shape, 0.3))


def network():
    net = VisionTransformer(img_size=(32, 16), patch_size=8, embed_dim=32, depth=3, num_heads=2, num_classes=0)
    fill(net)
    return net.double().eval()


def features(net, images):
    return F.normalize(net.forward_features(images)[:, 0] / (1 + 1e-5) ** 0.5)


def transreid(net, images, cameras):
    net.patch_embed.proj.stride = (6, 6)
    x = net.patch_embed.proj(images)
    grid = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    maps = net.pos_embed[:, 1:].reshape(1, 4, 2, 32).permute(0, 3, 1, 2)
    maps = F.interpolate(maps, size=grid, mode="bilinear", align_corners=False).flatten(2).transpose(1, 2)
    x = torch.cat([net.cls_token.expand(len(x), -1, -1), x], 1) + torch.cat([net.pos_embed[:, :1], maps], 1)
    x = x + 3 * numbers("sie_embed", (3, 1, 32), 0.3)[cameras]
    x = net.norm(net.blocks(x))[:, 0]
    return F.normalize(x / (1 + 1e-5) ** 0.5)


def rounded(tensor):
    return [[float("%.7g" % value) for value in row] for row in tensor.tolist()]


images = numbers("x", (2, 32, 16, 3), 2).permute(0, 3, 1, 2)
net = network()
with torch.no_grad():
    golden = {"timm": rounded(features(net, images)),
              "names": {name: list(p.shape) for name, p in net.named_parameters()},
              "transreid": rounded(transreid(net, images, torch.tensor([2, 0])))}
print(json.dumps(golden))
