"""Open a CLIP model by the name that a user gives."""

from __future__ import annotations

from pathlib import Path

from lib.base.errors import NotAvailable
from lib.encoders.clip import ClipEncoder, load_clip


def open_model(name: str | None) -> ClipEncoder:
    """Load the model of a profile: `photos-clip`, a shipped model, a folder, `hf-hub:...`, or `ARCHITECTURE TAG`."""
    if not name:
        raise NotAvailable("the profile names no encoder; --set encoder=MODEL gives one")
    if name == "photos-clip":
        from lib.encoders.photos_clip import photos_clip

        return photos_clip()
    if Path(name).expanduser().is_dir():  # its name may have blanks
        return load_clip(name)
    architecture, _, tag = name.partition(" ")
    return load_clip(architecture, pretrained=tag or None)
