"""The settings that decide a dictionary and its training: frozen configurations of plain JSON, checked when made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError, WrapValidator, model_validator
from pydantic.dataclasses import dataclass

from lib.base.errors import CompanionError
from lib.base.names import nearest
from lib.base.validation import first_error

T = TypeVar("T")

ONE_TOWER = ("relu", "topk", "batch_topk", "jumprelu", "matryoshka")
"""The names of the recipes in `lib.sae.recipes.RECIPES` that encode rows of one tower."""

PAIRS = (
    *("vl_sae", "sae_s", "sae_d", "vl_sae_cosine", "distance_shared", "cosine_shared", "distance_l1"),
    *("paired_topk", "paired_batch_topk", "paired_matryoshka", "gsae", "mgsae", "iso_energy"),
)
"""The names of the recipes that encode both members of a pair."""


def check_recipe(recipe: str) -> None:
    """Raise the error about a name that is not a recipe."""
    if recipe not in (known := (*ONE_TOWER, *PAIRS)):
        raise CompanionError(f"no recipe {recipe!r}; {nearest(recipe, known)}")


def check_one_tower(recipe: str) -> None:
    """Raise the error about a name that is not a recipe for rows of one tower."""
    if recipe not in ONE_TOWER:
        raise CompanionError(f"no recipe {recipe!r} for one tower; known: {', '.join(ONE_TOWER)}")


def _as_given(value: Any, check: Callable[[Any], Any]) -> Any:
    """Check a number and keep it as it is, since cache keys distinguish the int 1 from the float 1.0."""
    check(value)
    return value


Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), WrapValidator(_as_given)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), WrapValidator(_as_given)]
Fraction = Annotated[float, Field(ge=0, le=1), WrapValidator(_as_given)]
Probability = Annotated[float, Field(ge=0, lt=1), WrapValidator(_as_given)]


@dataclass_transform(frozen_default=True)
def configuration(kind: type[T]) -> type[T]:
    """Make a class a frozen, strict dataclass of pydantic whose errors are `CompanionError`s of one line."""
    made: Any = dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))(kind)
    validate, names = made.__init__, [field.name for field in dataclasses.fields(made)]

    @wraps(validate)
    def construct(self: T, *values: Any, **named: Any) -> None:
        by_name = dict(zip(names, values, strict=False))  # so that an error has the name and not the position
        try:
            validate(self, *values[len(names) :], **by_name, **named)
        except ValidationError as error:
            raise CompanionError(f"{kind.__name__}: {first_error(error)}") from None

    made.__init__ = construct
    return made


@configuration
class SAEConfig:
    """The settings of a dictionary; a recipe ignores those that it does not use.

    Examples
    --------
    >>> SAEConfig("topk", width=256, k=8).k
    8
    >>> SAEConfig("topk", width=4, k=8)
    Traceback (most recent call last):
        ...
    lib.base.errors.CompanionError: SAEConfig: k is 8 of 4 latents; give 1 to width
    """

    recipe: str
    """Name in `lib.sae.recipes.RECIPES`."""
    width: Count
    """Number of latents."""
    k: int = 8
    """Active latents per row (TopK), per row on average (BatchTopK, Matryoshka), or the L0 that the loss aims at
    (JumpReLU); at most the width."""
    l1: NonNegative = 0.1
    """Weight of the L1 term (ReLU, DistanceL1)."""
    prefixes: tuple[int, ...] = ()
    """Sizes of the nested prefixes, rising to the width (Matryoshka); empty for the paper's fractions of the width."""

    @model_validator(mode="after")
    def _fits_the_width(self) -> Self:
        if not 1 <= self.k <= self.width:
            raise ValueError(f"k is {self.k} of {self.width} latents; give 1 to width")
        sizes = [*self.prefixes]
        if any(a >= b for a, b in pairwise([0, *sizes])) or (sizes and sizes[-1] != self.width):
            raise ValueError(f"prefixes are {sizes}; give whole numbers that rise to the width, {self.width}")
        return self


@configuration
class PairedConfig(SAEConfig):
    """A dictionary that the members of a pair share."""

    modalities: tuple[str, ...] = ("image", "text")
    """The towers on which it is trained, in order."""
    biases: int = 2
    """1 for one bias shared by all modalities, or the number of modalities for one bias each."""
    penalty: NonNegative = 0.0
    """Weight of the recipe's addition to the error: the group norm (GSAE, MGSAE) or the alignment (IsoEnergy)."""
    mask: Probability = 0.0
    """Probability that a latent is hidden in a training step (MGSAE)."""
    mask_rows: Literal["pair", "batch", "member"] = "pair"
    """Whether the mask is drawn for each pair, once per batch, or separately for each member of a pair."""

    @model_validator(mode="after")
    def _fits_the_modalities(self) -> Self:
        names = self.modalities
        if not len(set(names)) == len(names) >= 2:
            raise ValueError(f"modalities are {names}; name two or more, each once")
        if self.biases not in (1, len(names)):
            raise ValueError(f"biases is {self.biases}; give 1 or {len(names)}, one per modality")
        return self


@configuration
class TwoTowerConfig(SAEConfig):
    """The settings of a dictionary that may give pictures and captions an encoder or a decoder each."""

    norm: Positive = 10.0
    """Root mean square norm to which rows are scaled for training.

    This is about the norm of CLIP's embeddings, on which Shen et al. 2025 train without scaling. It is not only a
    choice of units, since the initial weights and Adam's steps have a fixed size.
    """


@configuration
class TrainConfig:
    """The settings of a training run; the defaults suit 20,000 rows of 128 numbers and 128 to 1024 latents."""

    sae: SAEConfig
    """The dictionary."""
    steps: Count = 1500
    """Number of batches."""
    batch: Count = 1024
    """Rows (or pairs) per batch; if the data are fewer, a batch is all of them."""
    lr: Positive | None = None
    """Peak of the learning rate, or None for the rule of `lib.sae.training.train.learning_rate`."""
    warmup: Fraction = 0.05
    """Fraction of the steps, at the start, over which the rate rises linearly from zero."""
    decay: Fraction = 0.0
    """Fraction of the steps, at the end, over which the rate falls linearly to zero."""
    dead_after: Count = 60_000
    """Rows without an activation after which a latent counts as dead: three epochs; published runs use 10 million."""
    seed: Seed = 0
    """Seed of the initial weights and of the order of rows."""
    precision: Literal["float32", "bf16"] = "float32"
    """Precision of the encoder product only; weights stay float32."""
    log_every: Natural = 50
    """Steps between rows of the history; 0 for none."""

    def plain(self) -> dict[str, Any]:
        """Return the configuration as plain JSON."""
        return dataclasses.asdict(self)


def sae_config(plain: Mapping[str, Any]) -> SAEConfig:
    """Make a dictionary's configuration from plain JSON: a paired one has `modalities`, a two-tower one `norm`."""
    kind = PairedConfig if "modalities" in plain else TwoTowerConfig if "norm" in plain else SAEConfig
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
    }
    return kind(**settings)
