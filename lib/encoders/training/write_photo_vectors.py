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
from lib.encoders.photo_heads import Features, Heads, features, split_vectors
from lib.encoders.photo_towers import ImageTower, TextTower
from lib.encoders.photo_vectors import FOLDER, SPLITS
from lib.encoders.photos_clip import HEADS
from lib.encoders.store import embed
from lib.encoders.training.photos_heads import open_clip_name


def write_split(heads: Heads, name: str) -> None:
    """The two files of a split of Flickr8k."""
    made, ids = split_vectors(heads, features(name)), {"ids": "\n".join(flickr8k(name).ids)}
    _save(name, {"image": made.image, "judge": made.judge}, ids)
    _save(f"{name}-text", {"text": made.text}, ids)


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
    image, text = heads.encode(Features(torch.from_numpy(np.array(pictures)), torch.from_numpy(prompts)))
    notes = {"ids": "\n".join(pairs.ids), "paths": "\n".join(" ".join(path) for path in names)}
    judge = normalise_rows("prompts", prompts)
    _save("objects", {"image": image, "text": text, "judge": judge, "label": label.astype(np.int16)}, notes)


def _save(name: str, tensors: dict[str, np.ndarray], notes: dict[str, str]) -> None:
    halved = {k: v if v.dtype == np.int16 else np.ascontiguousarray(v.astype(np.float16)) for k, v in tensors.items()}
    save_file(halved, FOLDER / f"{name}.safetensors", notes)


def main() -> None:
    """Write all files."""
    heads = Heads().eval()
    shipped = load_file(HEADS)
    heads.load_state_dict({name: shipped[open_clip_name(name)] for name in heads.state_dict()})
    for name in SPLITS:
        write_split(heads, name)
    write_objects(heads)


if __name__ == "__main__":
    typer.run(main)
