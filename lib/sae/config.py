"""What decides a dictionary and its training: two frozen, plain-JSON configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, TypeVar, get_origin, get_type_hints

from lib.data.errors import CompanionError

T = TypeVar("T")


@dataclass(frozen=True)
class SAEConfig:
    """A dictionary.

    recipe: its name in `lib.sae.recipes.RECIPES`. width: number of latents. k: active latents a row (TopK), a row on
    average (BatchTopK, Matryoshka), or the L0 that the loss aims at (JumpReLU). l1: weight of the L1 term (ReLU).
    prefixes: sizes of the nested prefixes, increasing up to the width (Matryoshka); empty for the paper's fractions.
    A recipe ignores what does not belong to it.
    """

    recipe: str
    width: int
    k: int = 8
    l1: float = 0.1
    prefixes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        require(self.width >= 1, f"width is {self.width}; give at least one latent")
        require(1 <= self.k <= self.width, f"k is {self.k} of {self.width} latents; give 1 to width")
        require(self.l1 >= 0, f"l1 is {self.l1}; give 0 or more")
        ends = [0, *self.prefixes]
        rising = all(isinstance(b, int) and a < b for a, b in pairwise(ends)) and ends[-1] in (0, self.width)
        require(rising, f"prefixes are {list(self.prefixes)}; give whole numbers that rise to the width, {self.width}")


@dataclass(frozen=True)
class PairedConfig(SAEConfig):
    """One dictionary for the members of a pair.

    modalities: the towers that it is trained on, in order. biases: one for all modalities, or one for each.
    penalty: weight of what the recipe adds to the error (GSAE, MGSAE: lambda of the group norm; IsoEnergy: of the
    alignment). mask: probability that a latent is hidden in a training step (MGSAE); mask_rows: `pair` draws anew for
    each pair, `batch` once for a batch.
    """

    modalities: tuple[str, ...] = ("image", "text")
    biases: int = 2
    penalty: float = 0.0
    mask: float = 0.0
    mask_rows: str = "pair"

    def __post_init__(self) -> None:
        super().__post_init__()
        names = self.modalities
        require(len(set(names)) == len(names) >= 2, f"modalities are {list(names)}; name two or more, each once")
        require(self.biases in (1, len(names)), f"biases is {self.biases}; give 1 or {len(names)}, one a modality")
        require(self.penalty >= 0, f"penalty is {self.penalty}; give 0 or more")
        require(0 <= self.mask < 1, f"mask is {self.mask}; give a probability below 1")
        require(self.mask_rows in ("pair", "batch"), f"mask_rows is {self.mask_rows!r}; known: pair, batch")


@dataclass(frozen=True)
class TrainConfig:
    """A training run; the defaults suit 20,000 rows of 128 numbers and 128 to 1024 latents.

    steps, batch: batches and rows in each; a batch larger than the data is all of it. lr: learning rate, or None
    for the rule of `lib.sae.train.learning_rate`. warmup, decay: fractions of the steps, at the start and at the end,
    over which the rate rises from and falls to zero linearly. dead_after: rows without firing that make a latent
    dead (three epochs; published runs use 10 million). seed: of the initial weights and of the order of rows.
    precision: `float32`, or `bf16` for the encoder product alone, weights staying float32. log_every: steps
    between rows of the history; 0 for none.
    """

    sae: SAEConfig
    steps: int = 1500
    batch: int = 1024
    lr: float | None = None
    warmup: float = 0.05
    decay: float = 0.0
    dead_after: int = 60_000
    seed: int = 0
    precision: str = "float32"
    log_every: int = 50

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("steps", "batch", "dead_after"):
            require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}; give at least 1")
        for name in ("warmup", "decay"):
            require(0 <= getattr(self, name) <= 1, f"{name} is {getattr(self, name)}; give a fraction of the steps")
        require(self.lr is None or self.lr > 0, f"lr is {self.lr}; give a positive rate or None")
        require(self.log_every >= 0 and self.seed >= 0, "log_every and seed are not negative; give 0 or more")
        known = ("float32", "bf16")
        require(self.precision in known, f"unknown precision {self.precision!r}; known: {', '.join(known)}")

    def plain(self) -> dict[str, Any]:
        """The configuration as plain JSON."""
        return asdict(self)


def train_config(plain: Mapping[str, Any]) -> TrainConfig:
    """A `TrainConfig` from plain JSON, `sae` nested; an error names an unknown, missing or mistyped entry."""
    sae = plain.get("sae")
    if not isinstance(sae, Mapping):
        raise CompanionError("the training has no `sae` section; give one with recipe and width")
    return construct(TrainConfig, {**plain, "sae": sae_config(sae)})


def sae_config(plain: Mapping[str, Any]) -> SAEConfig:
    """A dictionary's configuration from plain JSON; that of a pair's has `modalities`."""
    return construct(PairedConfig if "modalities" in plain else SAEConfig, plain)


def construct(kind: type[T], plain: Mapping[str, Any]) -> T:
    """A configuration dataclass from plain JSON; an error names an unknown or missing entry."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in plain:
        require(name in known, f"unknown setting {name!r} of {kind.__name__}; known: {', '.join(known)}")
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()})
    except TypeError as error:
        raise CompanionError(f"{kind.__name__}: {error}; give what is missing") from None


def check_types(config: Any) -> None:
    """Refuse a dataclass with a value not of its annotated type; an int passes as a float, a bool as bool only."""
    for name, kind in get_type_hints(type(config)).items():
        value = getattr(config, name)
        of = tuple if get_origin(kind) is tuple else kind
        right = isinstance(value, of) or (isinstance(value, int) and float in getattr(kind, "__args__", (kind,)))
        require(
            right and (kind is bool or not isinstance(value, bool)),
            f"{name} is {value!r}, a {type(value).__name__}; give {getattr(kind, '__name__', kind)}",
        )


def require(condition: bool, message: str) -> None:
    """Raise a `CompanionError` with this message unless the condition holds."""
    if not condition:
        raise CompanionError(message)
