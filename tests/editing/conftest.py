"""timm and transformers import torchvision, which may need mending first."""

from lib.encoders.shim import ensure_torchvision

ensure_torchvision()
