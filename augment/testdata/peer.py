"""What torchvision makes of an image: the other side of TestTorchvision.

Reads {"width", "height", "pix": base64 of RGB bytes, "ops": [{"name", ...}]} and writes
{"version", "results": [values 0..1, rows top to bottom, pixels interleaved, ...]}.
Operations are on float tensors; those whose name ends with _pil on 8-bit Pillow images.
"""
import base64, json, sys
import numpy as np, torch, torchvision
import torchvision.transforms.functional as F
from torchvision.transforms import InterpolationMode
from PIL import Image

torch.set_num_threads(1)
job = json.load(sys.stdin)
pixels = np.frombuffer(base64.b64decode(job["pix"]), np.uint8).reshape(job["height"], job["width"], 3)
tensor, pil = F.to_tensor(Image.fromarray(pixels)), Image.fromarray(pixels)


def crop(x, o):
    return F.resized_crop(x, o["rect"][1], o["rect"][0], o["rect"][3], o["rect"][2], [o["size"]] * 2, InterpolationMode(o["filter"]), **antialias(x))


def antialias(x):  # Pillow always does
    return {"antialias": True} if torch.is_tensor(x) else {}


def jitter(x, o):
    for k in o["order"]:
        x = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue][k](x, o["amount"][k])
    return x


OPS = {
    "crop": crop,
    "jitter": jitter,
    "gray": lambda x, o: F.rgb_to_grayscale(x, 3) if torch.is_tensor(x) else F.to_grayscale(x, 3),
    "flip": lambda x, o: F.hflip(x),
    "solarise": lambda x, o: F.solarize(x, o["x"]),
    "rotate": lambda x, o: F.rotate(x, o["x"], InterpolationMode.BILINEAR),
    "blur": lambda x, o: F.gaussian_blur(x, o["taps"], o["x"]),
}
results = []
for o in job["ops"]:
    base = o["name"].removesuffix("_pil")
    x = pil if o["name"].endswith("_pil") else tensor
    try:
        y = OPS[base](x, o)
    except TypeError:  # torchvision before 0.15: resized_crop without antialias
        r = o["rect"]
        y = F.resize(F.crop(x, r[1], r[0], r[3], r[2]), [o["size"]] * 2, InterpolationMode(o["filter"]), antialias=True)
    if not torch.is_tensor(y):
        y = F.to_tensor(y)
    results.append(y.permute(1, 2, 0).reshape(-1).tolist())
json.dump({"version": torchvision.__version__, "results": results}, sys.stdout)
