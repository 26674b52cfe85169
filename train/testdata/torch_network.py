import torch
import torchvision


def network(name, stem):
    """A ResNet of torchvision's; its stem for small images is the one that PyTorch's users of CIFAR-10 make."""
    net = getattr(torchvision.models, name)(weights=None)
    if stem == "cifar":
        net.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
        net.maxpool = torch.nn.Identity()
    return net
