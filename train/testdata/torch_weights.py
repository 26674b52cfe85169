# Writes weights of torchvision's ResNets as others save them, 4 images a stem and what the networks make of them.
# usage: torch_weights.py FOLDER
import sys
import numpy as np
import torch
import torchvision

from torch_network import network

out = sys.argv[1]
torch.manual_seed(1)
for stem, side in [("imagenet", 64), ("cifar", 32)]:
    pixels = torch.randint(0, 256, (4, 3, side, side), dtype=torch.uint8)
    pixels.permute(0, 2, 3, 1).contiguous().numpy().tofile(f"{out}/{stem}-pixels")
    for name in ["resnet18", "resnet34", "resnet50"]:
        net = network(name, stem)
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(m.weight, 0.5, 1.5)
                torch.nn.init.normal_(m.bias, 0, 0.1)
                torch.nn.init.normal_(m.running_mean, 0, 0.1)
                torch.nn.init.uniform_(m.running_var, 0.5, 1.5)
        state = net.state_dict()
        torch.save(state, f"{out}/{name}-{stem}-plain.pth")
        if stem == "imagenet" and name != "resnet34":
            torch.save({"epoch": 3, "state_dict": {"module.encoder_q." + k: v for k, v in state.items()}}, f"{out}/{name}-{stem}-moco.pt")
            torch.save({"model": {k: v.contiguous(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in state.items()}},
                       f"{out}/{name}-{stem}-strided.pth", _use_new_zipfile_serialization=False)
            parts = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
            torch.save({"state_dict": {f"backbone.{parts[k.split('.')[0]]}.{k.split('.', 1)[1]}": v for k, v in state.items() if not k.startswith("fc")}},
                       f"{out}/{name}-{stem}-lightly.ckpt")
        net.fc = torch.nn.Identity()
        with torch.no_grad():
            net.eval()(pixels.float() / 255).numpy().astype(np.float32).tofile(f"{out}/{name}-{stem}-h")
