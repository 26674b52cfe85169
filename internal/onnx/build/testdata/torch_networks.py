# Exports networks with random weights as ONNX, with what PyTorch gives for images that pixels() makes.
# usage: torch_networks.py FOLDER NAME...
#   tiny-cnn and tiny-vit are written here; timm.NAME is timm's, transformers.CLASS is Hugging Face's, other names are torchvision's.
# Writes NAME.onnx, and NAME.f32: what the images give, float32.
import sys
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")


def pixels(n, side):
    """Value i of [N, 3, S, S], which the tests know too."""
    i = torch.arange(n * 3 * side * side, dtype=torch.int64)
    return ((i * 7919 + i // 251 * 104729) % 1009).float().div(1009).reshape(n, 3, side, side)


class Squeeze(nn.Module):  # squeeze and excitation
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, 4, 1), nn.Conv2d(4, c, 1)

    def forward(self, x):
        y = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.b(nn.functional.silu(self.a(y))))


class TinyCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Hardswish(), nn.BatchNorm2d(8))
        self.groups = nn.Sequential(nn.Conv2d(8, 12, 3, 1, 2, dilation=2, groups=2), nn.ReLU6(), Squeeze(12))
        self.pad = nn.ReflectionPad2d((1, 2, 0, 1))
        self.pool = nn.AvgPool2d(3, 2, 1)
        self.head = nn.Linear(20, 16)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.depthwise(x)
        y = self.pool(self.pad(torch.cat([self.groups(x), x], 1)))
        y = nn.functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        return self.head(torch.flatten(y.amax((2, 3)), 1))


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        self.scale1, self.scale2 = nn.Parameter(torch.rand(d)), nn.Parameter(torch.rand(d))

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5).softmax(-1)
        x = x + self.scale1 * self.proj((a @ v).transpose(1, 2).reshape(n, t, d))
        y = self.up(self.norm2(x))
        return x + self.scale2 * self.down(y * torch.sigmoid(1.702 * y))  # CLIP's quick GELU


class TinyViT(nn.Module):
    """As DINOv2 and CLIP: a class token, interpolated positions, layer scale, quick GELU."""

    def __init__(self, d=8, patch=8):
        super().__init__()
        self.patch = nn.Conv2d(3, d, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, d))
        self.position = nn.Parameter(torch.randn(1, 1 + 9, d))
        self.blocks = nn.Sequential(Block(d, 2))
        self.norm = nn.LayerNorm(d)

    def forward(self, x):
        x = self.patch(x)
        h, w = x.shape[2:]
        at = self.position[:, 1:].reshape(1, 3, 3, -1).permute(0, 3, 1, 2)
        at = nn.functional.interpolate(at, size=(int(h), int(w)), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + torch.cat([self.position[:, :1], at], 1)
        return self.norm(self.blocks(x))


class Tower(nn.Module):
    """A vision tower of Hugging Face's, of the usual shape: its class, as transformers.CLIPVision."""

    def __init__(self, name):
        super().__init__()
        import transformers
        net = getattr(transformers, name + ("ModelWithProjection" if name.startswith("CLIP") else "Model"))
        self.tower = net(getattr(transformers, name + "Config")())

    def forward(self, x):
        y = self.tower(pixel_values=x)
        return y.image_embeds if "image_embeds" in y else y.pooler_output


def build(name):
    if name == "tiny-cnn":
        return TinyCNN(), 32, 17
    if name == "tiny-vit":
        return TinyViT(), 32, 13
    if name.startswith("timm."):
        import timm
        return timm.create_model(name.removeprefix("timm."), num_classes=0, **({"img_size": 224} if "dinov2" in name else {})), 224, 14
    if name.startswith("transformers."):
        return Tower(name.removeprefix("transformers.")), 224, 14
    import torchvision
    opset = {"convnext_tiny": 17, "vit_b_16": 17, "efficientnet_b0": 16, "mobilenet_v3_small": 15}
    return getattr(torchvision.models, name)(weights=None), 224, opset.get(name, 13)


for name in sys.argv[2:]:
    torch.manual_seed(1)
    net, side, opset = build(name)
    for key, value in list(net.named_buffers()) + list(net.named_parameters()):
        if key.endswith("running_mean"):
            value.data.normal_(0, 0.1)
        elif key.endswith("running_var"):
            value.data.uniform_(0.5, 1.5)
        elif "layer_scale" in key or key.startswith("heads.head"):  # which begin near 0
            value.data.uniform_(-0.3, 0.3)
    net.eval()
    x = pixels(2, side)
    path = sys.argv[1] + "/" + name
    with torch.no_grad():
        net(x).numpy().tofile(path + ".f32")
    torch.onnx.export(net, x, path + ".onnx", opset_version=opset, input_names=["images"], output_names=["out"],
                      dynamic_axes={"images": {0: "batch"}, "out": {0: "batch"}})
