# Writes weights of torchvision's ResNets as others save them, 4 images and what the networks make of them.
# usage: torch_weights.py FOLDER
import sys
import numpy as np
import torch
import torchvision

out = sys.argv[1]
torch.manual_seed(1)
pixels = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
pixels.permute(0, 2, 3, 1).contiguous().numpy().tofile(out + "/pixels")
for name in ["resnet18", "resnet50"]:
    net = getattr(torchvision.models, name)(weights=None)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(m.weight, 0.5, 1.5)
            torch.nn.init.normal_(m.bias, 0, 0.1)
            torch.nn.init.normal_(m.running_mean, 0, 0.1)
            torch.nn.init.uniform_(m.running_var, 0.5, 1.5)
    state = net.state_dict()
    torch.save(state, f"{out}/{name}-plain.pth")
    torch.save({"epoch": 3, "state_dict": {"module.encoder_q." + k: v for k, v in state.items()}}, f"{out}/{name}-moco.pt")
    torch.save({"model": {k: v.contiguous(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in state.items()}},
               f"{out}/{name}-strided.pth", _use_new_zipfile_serialization=False)
    parts = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    torch.save({"state_dict": {f"backbone.{parts[k.split('.')[0]]}.{k.split('.', 1)[1]}": v for k, v in state.items() if not k.startswith("fc")}},
               f"{out}/{name}-lightly.ckpt")
    net.fc = torch.nn.Identity()
    with torch.no_grad():
        net.eval()(pixels.float() / 255).numpy().astype(np.float32).tofile(f"{out}/{name}-h")
