# Loads safetensors into torchvision's ResNets, all of them with strict names, and writes what these make of pixels.
# usage: torch_load.py FOLDER, which has NAME-STEM.safetensors and, as float32 NHWC, NAME-STEM-pixels; NAME-STEM-h is written
import glob
import json
import sys
import numpy as np
import torch

from torch_network import network

for path in glob.glob(sys.argv[1] + "/*.safetensors"):
    base = path[: -len(".safetensors")]
    name, stem = base.split("/")[-1].split("-")
    with open(path, "rb") as f:  # the format by hand: its package may be absent
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    state = {}
    for key, t in header.items():
        if key != "__metadata__":
            values = np.frombuffer(data[t["data_offsets"][0] : t["data_offsets"][1]], np.float32).reshape(t["shape"])
            state[key] = torch.from_numpy(values.copy())
    net = network(name, stem)
    net.fc = torch.nn.Identity()
    net.load_state_dict(state)
    side = 64 if stem == "imagenet" else 32
    pixels = torch.from_numpy(np.fromfile(base + "-pixels", np.float32).reshape(-1, side, side, 3)).permute(0, 3, 1, 2)
    with torch.no_grad():
        net.eval()(pixels).numpy().tofile(base + "-h")
