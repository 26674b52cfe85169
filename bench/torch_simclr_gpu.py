"""PyTorch's SimCLR step on a graphics card, as its users would tune it: channels-last, bf16 autocast, torch.compile.

usage: torch_simclr_gpu.py NET PAIRS SIZE STEPS [fp32|bf16] [compile|eager]

NET is resnet18 (CIFAR stem up to 32 pixels) or resnet50 of torchvision. Prints one JSON object; the median of STEPS.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
import torchvision

net, pairs, size, steps = sys.argv[1], *map(int, sys.argv[2:5])
dtype, how = (sys.argv[5:] + ["bf16", "compile"][len(sys.argv) - 5:])[:2]
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.backends.cudnn.benchmark = True
torch.set_float32_matmul_precision("highest")


class SimCLR(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = getattr(torchvision.models, net)(weights=None)
        width = self.encoder.fc.in_features
        self.encoder.fc = torch.nn.Identity()
        if size <= 32:
            self.encoder.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            self.encoder.maxpool = torch.nn.Identity()
        self.head = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.BatchNorm1d(width), torch.nn.ReLU(inplace=True),
                                        torch.nn.Linear(width, 128))

    def forward(self, x):
        return self.head(self.encoder(x))


def ntxent(z, temperature=0.5):
    z = F.normalize(z.float(), dim=1)
    n = z.shape[0] // 2
    s = z @ z.t() / temperature
    s.fill_diagonal_(-1e9)
    target = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
    return F.cross_entropy(s, target)


model = SimCLR().to(device, memory_format=torch.channels_last)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
forward = torch.compile(model) if how == "compile" else model
pixels = torch.randint(0, 256, (2 * pairs, 3, size, size), dtype=torch.uint8, device=device).to(memory_format=torch.channels_last)


def step():
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=dtype == "bf16"):
        z = forward(pixels.float() / 255)
    ntxent(z).backward()
    optimizer.step()
    if device == "cuda":
        torch.cuda.synchronize()


for _ in range(5):
    step()
times = []
for _ in range(steps):
    start = time.perf_counter()
    step()
    times.append(time.perf_counter() - start)
median = sorted(times)[len(times) // 2]
print(json.dumps({"peer": "torch " + torch.__version__, "device": torch.cuda.get_device_name() if device == "cuda" else "cpu", "encoder": net,
                  "batch_images": 2 * pairs, "size": size, "dtype": dtype, "how": how, "step_seconds": median, "images_per_s": 2 * pairs / median,
                  "peak_memory_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None}))
