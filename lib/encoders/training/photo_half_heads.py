"""Train heads on one half of Flickr8k's training photos: `python -m lib.encoders.training.photo_half_heads`.

They are those of `photos_heads`, trained in the same way on fewer pictures; the epoch is chosen on the same dev split.
Needs Flickr8k and the extra `photos`. About two minutes on one core after the towers' features.
"""

from __future__ import annotations

import typer
from safetensors.torch import save_file

from lib.encoders.photo_halves import HEADS, SPLITS
from lib.encoders.photo_heads import features
from lib.encoders.training.photos_heads import recalls, train

SHOWN = slice(0, 1000)
"""Photos of each split that R@1 is printed of."""


def main(seed: int = 0) -> None:
    """Train, write the heads in float16, and print R@1 on 1,000 photos of every split."""
    splits = {name: features(source).rows(rows) for name, (source, rows) in SPLITS.items()}
    heads, kept, _ = train(seed, splits["learnt"], splits["dev"])
    halved = {name: value.half().contiguous() for name, value in kept.items()}
    HEADS.parent.mkdir(parents=True, exist_ok=True)
    save_file(halved, HEADS, {"format": "pt"})
    heads.load_state_dict({name: value.float() for name, value in halved.items()})
    for name, found in splits.items():
        to_text, to_image = recalls(heads, found.rows(SHOWN))
        print(f"{name}: R@1 image to text {to_text:.3f}, text to image {to_image:.3f}")


if __name__ == "__main__":
    typer.run(main)
