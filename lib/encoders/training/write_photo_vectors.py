"""Write the shipped vectors of the photos model: `python -m lib.encoders.training.write_photo_vectors`.

Run it after `photos_heads`. It needs Flickr8k, Tiny-ImageNet and the extra `photos`. It writes vectors, file names and
WordNet ids, and no picture and no text.
"""

from __future__ import annotations

import numpy as np
import torch
import typer
from safetensors.numpy import save_file
from safetensors.torch import load_file

from lib.base.vectors import normalise_rows
from lib.data.sets.flickr8k import flickr8k
from lib.data.sets.tiny_imagenet import RANKS, tiny_imagenet
from lib.encoders.photo_towers import ImageTower, TextTower
from lib.encoders.photo_vectors import FOLDER, SPLITS
from lib.encoders.photos_clip import HEADS
from lib.encoders.store import embed
from lib.encoders.training.photos_heads import Features, Heads, features, open_clip_name


def encode(heads: Heads, split: Features) -> tuple[np.ndarray, np.ndarray]:
    """Compute unit vectors of images and captions in the joint space."""
    with torch.inference_mode():
        image, text = heads.image(split.image).numpy(), heads.text(split.text).numpy()
    return normalise_rows("images", image), normalise_rows("captions", text)


def write_split(heads: Heads, name: str) -> None:
    """Write the two files of a split of Flickr8k."""
    found = features(name)
    image, text = encode(heads, found)
    captions = normalise_rows("captions", found.text.numpy()).reshape(len(image), 5, -1)
    judge = normalise_rows("means of captions", captions.mean(axis=1))
    ids = {"ids": "\n".join(flickr8k(name).ids)}
    _save(name, {"image": image, "judge": judge}, ids)
    _save(f"{name}-text", {"text": text.reshape(len(image), 5, -1)}, ids)


def write_objects(heads: Heads) -> None:
    """Write the file of Tiny-ImageNet."""
    pairs = tiny_imagenet()
    assert pairs.facts is not None and pairs.captions is not None
    columns = [pairs.facts.group(rank) for rank in RANKS]
    number = np.column_stack([pairs.facts.truth[:, part].argmax(axis=1) for part in columns])
    label = number[:, -1]
    first = np.unique(label, return_index=True)[1]
    names = [
        [pairs.facts.names[part[i]].split(":")[1] for part, i in zip(columns, number[row], strict=True)]
        for row in first
    ]
    pictures = embed(pairs, ImageTower(), towers=("image",), shard=500).tower("image")
    prompts = TextTower().encode_texts([pairs.captions[row][0] for row in first])
    image, text = encode(heads, Features(torch.from_numpy(np.array(pictures)), torch.from_numpy(prompts)))
    notes = {"ids": "\n".join(pairs.ids), "paths": "\n".join(" ".join(path) for path in names)}
    judge = normalise_rows("prompts", prompts)
    _save("objects", {"image": image, "text": text, "judge": judge, "label": label.astype(np.int16)}, notes)


def _save(name: str, tensors: dict[str, np.ndarray], notes: dict[str, str]) -> None:
    halved = {k: v if v.dtype == np.int16 else np.ascontiguousarray(v.astype(np.float16)) for k, v in tensors.items()}
    save_file(halved, FOLDER / f"{name}.safetensors", notes)


def main() -> None:
    """Write all files."""
    heads = Heads(1280, 384).eval()
    shipped = load_file(HEADS)
    heads.load_state_dict({name: shipped[open_clip_name(name)] for name in heads.state_dict()})
    for name in SPLITS:
        write_split(heads, name)
    write_objects(heads)


if __name__ == "__main__":
    typer.run(main)
