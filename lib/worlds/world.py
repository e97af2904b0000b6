"""Worlds: pairs and their encoders, opened by the name in a profile. Notebooks know only this interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from lib.base.errors import CompanionError, NotAvailable
from lib.data.atoms import MIXED
from lib.data.pairs import Facts, Pairs
from lib.encoders.embeddings import Embeddings, Tower
from lib.encoders.encoder import TextEncoder

if TYPE_CHECKING:
    from PIL import Image

    from lib.data.atoms import Atoms
    from lib.data.formats.audio import Sound
    from lib.data.scenes import SceneTruth
    from lib.data.sets.label_vectors import Labels
    from lib.data.sounds import SoundTruth
    from lib.data.tally import Tally
    from lib.encoders.llava import Llava
    from lib.worlds.profiles import Profile


class Held(NamedTuple):
    """What a user's own folder holds, before it is split and embedded."""

    rows: int
    """Pictures, or rows of embeddings."""
    captions: bool
    """Whether they have captions."""
    judged: bool
    """Whether something judges them: a model, embeddings by another one, or the captions' embeddings."""


class World(ABC):
    """Everything that a notebook can ask of a world.

    Every world has embeddings of its splits. Asking for anything else that a world lacks raises NotAvailable, which
    skips the notebook; asking for a split that it lacks raises CompanionError.
    """

    name: ClassVar[str]
    """The name that a profile gives in its key `world`."""
    concept_split: ClassVar[str] = "test"
    """The split whose rows show the meaning of a latent."""
    more_splits: ClassVar[tuple[str, ...]] = ()
    """Splits besides train, dev and test, each as large as the test split."""
    keeps_pictures: ClassVar[bool] = True
    """Whether figures that show its pictures may be stored under results/, which is published."""
    learnt_split: ClassVar[str] = ""
    """The split whose pairs the encoder was trained on, and finds far too well; empty where there is none."""
    labelled_sets: ClassVar[tuple[str, ...]] = ()
    """The published sets of labelled pictures that the world puts together."""
    details: ClassVar[bool] = False
    """Whether captions of rendered scenes leave out the kind of the main object."""
    judges_share: ClassVar[str] = ""
    """A property that its judges share, so that their agreement proves nothing; empty where they are independent."""
    sizes: dict[str, int]
    """The number of pairs in train, dev and test."""

    def __init__(self, profile: Profile) -> None:
        self.sizes = profile.splits.model_dump()

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of all splits."""
        return (*self.sizes, *self.more_splits)

    def size(self, split: str) -> int:
        """Return the number of pairs in a split; an error for an unknown one lists the known ones."""
        if split not in self.splits:
            raise CompanionError(f"world {self.name} has no split {split!r}; known: {', '.join(self.splits)}")
        return self.sizes["test" if split in self.more_splits else split]

    @abstractmethod
    def embeddings(self, split: str) -> Embeddings:
        """Embed the images and first captions of a split with the encoder under study; rows have unit norm."""

    def rows_of(self, pairs: Pairs, tower: Tower) -> np.ndarray:
        """Embed other pictures, or the first captions of pairs, by the encoder under study, as unit rows (n, d)."""
        raise NotAvailable(f"world {self.name} embeds no other pictures and captions; use profile scenes")

    def activations(self, split: str, layer: int | None) -> Embeddings:
        """Return class tokens of the pictures after block `layer` of the image tower, not normalised; None:
        `embeddings`.
        """
        if layer is not None:
            raise NotAvailable(f"world {self.name} has embeddings but no model to look into; use profile scenes")
        return self.embeddings(split)

    def caption_embeddings(self, split: str) -> np.ndarray:
        """Return unit embeddings (n, c, d) of all captions of each picture of a split; the first are those of
        `embeddings`.
        """
        text = self.embeddings(split).text
        if text is None:
            raise NotAvailable(f"world {self.name} has no captions; use profile scenes")
        return text[:, None]

    @property
    def encoder(self) -> TextEncoder:
        """The encoder under study, for pictures and captions from outside the world."""
        raise NotAvailable(f"world {self.name} has embeddings but no encoder; use profile scenes")

    @property
    def other_encoders(self) -> Sequence[World]:
        """List the same pairs by encoders that were trained in the same way from other seeds; most worlds have none."""
        return ()

    @property
    def llava(self) -> Llava:
        """A multimodal LLM that sees with the image tower of the encoder under study."""
        raise NotAvailable(f"world {self.name} has no multimodal LLM; use profile scenes")

    def judges(self, split: str) -> dict[str, Embeddings]:
        """Return embeddings of the same pictures by encoders that are not under study, by name."""
        raise NotAvailable(f"world {self.name} has no judge; use profile scenes")

    def judge(self, split: str, name: str) -> Embeddings:
        """Return the judge of that name among `judges`; an error lists the known ones."""
        found = self.judges(split)
        if name not in found:
            known = ", ".join(found)
            raise NotAvailable(f"world {self.name} has no judge {name!r} (it has {known}); use profile scenes")
        return found[name]

    def pair_judges(self, split: str) -> dict[str, Embeddings]:
        """Return embeddings of pictures and captions in one space, by name, which say whether they mean the same.

        The first is the most independent one; "source" is the encoder under study itself, a circular judge.
        """
        raise NotAvailable(f"world {self.name} has no judge of pairs; use profile scenes")

    def pairs(self, split: str) -> Pairs:
        """Return the pictures or sounds, captions and facts of a split, as far as there are any."""
        raise NotAvailable(f"world {self.name} has embeddings but no pictures; use profile scenes")

    @property
    def has_pictures(self) -> bool:
        """True if `pictures` works on this machine."""
        try:
            self.pictures("test")
        except NotAvailable:
            return False
        return True

    def pictures(self, split: str) -> Sequence[Image.Image]:
        """Return the n pictures of a split, each decoded on access."""
        found = self.pairs(split).images
        if found is None:
            raise NotAvailable(f"world {self.name} has no pictures; use profile scenes")
        return found

    def sounds(self, split: str) -> Sequence[Sound]:
        """Return the n sounds of a split, each made on access."""
        found = self.pairs(split).sounds
        if found is None:
            raise NotAvailable(f"world {self.name} has no sounds; use profile sounds")
        return found

    def captions(self, split: str) -> tuple[tuple[str, ...], ...]:
        """Return the captions of each of the n pairs of a split, as texts."""
        found = self.pairs(split).captions
        if found is None:
            raise NotAvailable(f"world {self.name} has no captions; use profile scenes")
        return found

    def facts(self, split: str) -> Facts:
        """Return the facts that are true of each pair of a split, and those that its captions mention."""
        found = self.pairs(split).facts
        if found is None:
            raise NotAvailable(f"world {self.name} has no facts about its pairs; use profile scenes")
        return found

    def scene_truth(self, split: str) -> SceneTruth:
        """Return the codes of rendered scenes, from which the truth of any caption follows."""
        raise NotAvailable(f"world {self.name} has no rendered scenes; use profile scenes")

    def sound_truth(self, split: str) -> SoundTruth:
        """Return the codes of synthesised sounds, from which the truth of any caption follows."""
        raise NotAvailable(f"world {self.name} has no synthesised sounds; use profile sounds")

    def tally(self, read: bool = False) -> Tally | None:
        """Account for every entry of the user's own files; None for other worlds.

        read: also name the pictures that cannot be read, for which all must have been embedded, and those whose
        captions the encoder cuts off or does not know at all.
        """
        return None

    def held(self) -> Held | None:
        """What the user's own files hold; None for other worlds."""
        return None

    def drawn_atoms(self, split: str, told: tuple[int, int] = MIXED, caption: int = 0) -> Atoms:
        """Draw the sums of known concept vectors of a split, each with a caption of `told[0]` to `told[1]` facts.

        caption: the number of the caption; each picture has as many as you ask for.
        """
        raise NotAvailable(f"world {self.name} has no known concept vectors; use profile atoms")

    def labels(self) -> Labels:
        """Return names of things and their text embeddings in the space of `embeddings`."""
        raise NotAvailable(f"world {self.name} has no names of things in its space; use profile tiny-imagenet")

    def classes(self, split: str) -> tuple[Embeddings, np.ndarray]:
        """Return text embeddings of c class prompts, unit norm, and the class (n,) of each pair, from 0 to c - 1."""
        raise NotAvailable(f"world {self.name} has no class labels; use profile scenes")

    def sets(self, split: str) -> np.ndarray:
        """Return for each picture (n,) which of `labelled_sets` it is from."""
        raise NotAvailable(f"world {self.name} does not put labelled sets together; use profile labels-b32")

    @property
    def taxa(self) -> tuple[int, int, int]:
        """The numbers of realms, groups and kinds in the taxonomy."""
        raise NotAvailable(f"world {self.name} has no taxonomy; use profile scenes or tiny-imagenet")

    def taxonomy(self, split: str) -> np.ndarray:
        """Number the realm, group and kind of the object that every picture shows, (n, 3)."""
        raise NotAvailable(f"world {self.name} has no taxonomy; use profile scenes or tiny-imagenet")


def judge_captions_too(judge: Embeddings) -> Embeddings:
    """Add a text tower to a judge that reads no text: each caption gets the row of the picture it was written for."""
    return replace(judge, text=judge.image)
