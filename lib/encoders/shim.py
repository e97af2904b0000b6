"""Make `import torchvision` work where a CPU build of torch meets a CUDA build of torchvision.

Import this before open_clip, timm or transformers: all three import torchvision, and need only its transforms.
"""

from __future__ import annotations

import torch

from lib.base.errors import NotAvailable

SCHEMAS = {name: f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")}
"""The operators for which torchvision 0.28 registers shapes on import, whether its binary loaded or not."""

_declared: list[torch.library.Library] = []
"""Keeps the library objects alive, since a declaration lives only as long as its object."""


def ensure_torchvision() -> None:
    """Import torchvision; if that fails because its compiled operators are absent, declare them and try again.

    A declared operator has a signature and no code: importing a module that mentions it works, calling it is an error.
    Nothing happens where torchvision works. Calling this twice is harmless.
    """
    try:
        import torchvision

        return
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")
    _declared.append(library)
    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        raise NotAvailable(
            f"torchvision does not fit this torch {torch.__version__} ({error}); install builds of the same kind"
        ) from None
