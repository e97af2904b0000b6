"""Do the peers compute what we compute? Their own dictionaries, weights copied into ours, number by number.

    make peers                     # makes their environment, runs the tests, and notes the largest differences
    python -m tests.peers.compare  # the last part alone

A difference is the largest one between two arrays, as a share of the largest magnitude in theirs. Where a definition
differs, `DEFINITIONS` says so, and what is compared instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.cli import peer_versions
from benchmarks.contender import PEERS_PYTHON
from lib.base.errors import CompanionError
from lib.base.files import ROOT
from lib.metrics.fidelity import Fidelity, fidelity
from lib.metrics.firing import Firing, firing
from lib.metrics.stability import stability
from lib.sae.base import SAE, one_tower
from lib.sae.codes import SparseCodes
from lib.sae.config import SAEConfig
from lib.sae.geometric_median import geometric_median
from lib.sae.models.batch_topk import SPAN, BatchTopK
from lib.sae.models.topk import Selection
from lib.sae.recipes import build
from lib.sae.sparse import Code, Pattern
from tests.peers.instances import L1, Answer, instances
from tests.trust.common import note

MAKERS = {
    "dictionary-learning": "dictionary_learning",
    "overcomplete": "overcomplete",
    "sae-lens": "sae_lens",
}
"""Module of `tests.peers.makers` that each peer runs."""

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}

WIDER = {
    ("dictionary-learning", "projected gradient"): (1e-5, "it adds 1e-6 to the norms by which it projects"),
    ("dictionary-learning", "geometric median"): (1e-4, "both stop when a step is short, by different measures"),
    ("dictionary-learning", "loss"): (1e-6, "it makes AuxK and JumpReLU's L0 in float32"),
    ("dictionary-learning", "gradients"): (1e-6, "it makes AuxK in float32"),
    ("dictionary-learning", "next threshold"): (1e-6, "it takes the smallest activation in float32"),
    ("dictionary-learning", "L0"): (1e-6, "it counts in float32"),
    ("dictionary-learning", "live share"): (1e-6, "it counts in float32"),
    ("overcomplete", "normalised decoder"): (1e-7, "it adds 1e-8 to the norms"),
    ("overcomplete", "reconstruction"): (1e-7, "it normalises the decoder again whenever it is asked for it"),
    ("overcomplete", "loss"): (1e-7, "it normalises the decoder again whenever it is asked for it"),
    ("overcomplete", "gradients"): (1e-7, "it normalises the decoder again whenever it is asked for it"),
    ("overcomplete", "L0"): (1e-6, "it counts in float32"),
    ("overcomplete", "R2"): (1e-3, "it adds 1e-6 to a variance of about 0.02"),
}
"""Least tolerance of what a peer does not make in the precision of the instance, and why."""

DEFINITIONS = {
    "dictionary-learning": [
        "The weight of AuxK is 1/32 also for BatchTopK and Matryoshka; it is given our 0.03, an argument there.",
        "Matryoshka gives each of 4 prefixes the weight 1/4 and takes the mean of that; it is given weights 1.",
        "JumpReLU subtracts no pre-bias; ours carries it in the encoder's bias. Its L0 term sees activations after the "
        "jump, which gives thresholds another gradient; gradients of thresholds, W_enc and b_dec are not compared.",
        "Explained variance forgives a constant offset of the reconstruction; it is taken out before ours is asked.",
    ],
    "overcomplete": [
        "Neither a pre-bias nor a decoder bias; ours are zero.",
        "The error is averaged over dimensions, too; ours is multiplied by 1/d.",
        "The L1 penalty is of the sum over all rows; it is given our weight by rows and dimensions.",
        "BatchTopK's `top_k` counts the whole batch; it is given k times the rows.",
        "R2 takes the variance around one mean of all numbers; the data are moved so that all columns have it.",
        "The auxiliary loss is of latents that were not chosen, dead or not; it is not compared.",
    ],
    "sae-lens": [
        "Decoder rows have any norm, and the L1 term weighs by it; the norms are folded by its own `fold_W_dec_norm`, "
        "and the part of the gradient along the rows is removed from both.",
        "Matryoshka's loss is the sum over prefixes; ours, a mean, is multiplied by their number.",
        "AuxK is not divided by the variance of the residual and takes negative activations; no latent is dead here.",
        "JumpReLU's penalty is of another form; its codes and reconstructions are compared, not its loss.",
    ],
}


class Difference(NamedTuple):
    """One quantity of one instance: how far ours is from theirs, and how far it may be."""

    peer: str
    recipe: str
    what: str
    dtype: str
    share: float
    allowed: float


def answers(peer: str, folder: Path) -> None:
    """Let a peer's own process make and answer the instances; an error has the last line that it wrote."""
    quiet = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled"}
    command = [str(PEERS_PYTHON), "-m", f"tests.peers.makers.{MAKERS[peer]}", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **quiet}, capture_output=True, text=True)
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
        raise CompanionError(f"{peer} made no instances: {last}; run `make peers` to install what is pinned")


def differences(peer: str, folder: Path) -> list[Difference]:
    """Every quantity of every instance that a peer has written."""
    found = []
    for instance in instances():
        for path in sorted(folder.glob(f"*-{instance.name}.safetensors")):
            answer, recipe = load_file(path), path.name.removesuffix(f"-{instance.name}.safetensors")
            theirs = {name.removeprefix("theirs/"): t for name, t in answer.items() if name.startswith("theirs/")}
            ours = Ours(recipe, instance.k, answer)
            for what, wanted in theirs.items():
                far = share(ours.of(what), wanted)
                found.append(Difference(peer, recipe, what, instance.dtype, far, allowed(peer, what, instance.dtype)))
    return found


def allowed(peer: str, what: str, dtype: str) -> float:
    """The tolerance of a quantity."""
    return max(TOLERANCE[dtype], WIDER.get((peer, kind_of(what)), (0.0, ""))[0])


def kind_of(what: str) -> str:
    """The word for a quantity in tables: all gradients of weights are one."""
    return "gradients" if what.startswith("gradient of ") else what


def share(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference by the largest magnitude of theirs; infinite for other shapes, NaN and infinity."""
    if ours.shape != theirs.shape or not (ours.isfinite().all() and theirs.isfinite().all()):
        return float("inf")
    ours, theirs = ours.detach().double(), theirs.double()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-300))


class Ours:
    """Our dictionary with the weights that a peer has made, after one loss and its gradients."""

    def __init__(self, recipe: str, k: int, given: Answer) -> None:
        self.given, self.x = given, given["x"]
        width, d = given["W_dec"].shape
        self.sae = one_tower(build(SAEConfig(recipe, width, k, L1), d), "a comparison").to(self.x.dtype)
        own = self.sae.state_dict()
        for name in own.keys() & given.keys():
            own[name].copy_(given[name])
        self.codes = training_codes(self.sae, self.x)
        self.reconstruction = self.sae.decode(self.codes).detach()
        dead = given["dead"].nonzero()[:, 0] if "dead" in given else torch.zeros(0, dtype=torch.int64)
        self.step = self.sae.loss(self.x, dead)
        self.loss = self.step.loss * given.get("factor", torch.tensor(1.0))
        self.loss.backward()

    def of(self, what: str) -> Tensor:
        """A quantity by the name that the peers' answers have."""
        if what.startswith("gradient of "):
            gradient = self.sae.get_parameter(what.removeprefix("gradient of ")).grad
            assert gradient is not None
            return gradient
        return QUANTITIES[what](self)


def training_codes(sae: SAE, x: Tensor) -> Code:
    """What a training step selects; the recipes with a threshold for inference select otherwise then."""
    if not isinstance(sae, Selection):
        return sae.encode(x)
    pre = sae.pre_activations(x)
    positions = sae.select(pre)
    return Code(Pattern(positions, len(x), sae.width), torch.relu(pre.flatten()[positions]))


def projected_gradient(ours: Ours) -> Tensor:
    """The gradient of the decoder without its part along the rows."""
    sae = deepcopy(ours.sae)
    sae.W_dec.grad = ours.of("gradient of W_dec").clone()
    sae.tangent_gradient()
    return sae.W_dec.grad


def normalised_decoder(ours: Ours) -> Tensor:
    """The rows that the peer had before it normalised them, normalised by us."""
    sae = deepcopy(ours.sae)
    sae.W_dec.data.copy_(ours.given["unnormalised"])
    sae.normalise_decoder()
    return sae.W_dec


def next_threshold(ours: Ours) -> Tensor:
    """The threshold after a step in the middle of a run whose average has the peer's momentum."""
    sae = deepcopy(ours.sae)
    assert isinstance(sae, BatchTopK)
    steps = round(1 / SPAN / (1 - float(ours.given["beta"])))
    sae.after_step(ours.step, steps // 2, steps)
    return sae.threshold


def fired(ours: Ours) -> Firing:
    """Which latents fired, of the type that our metrics take."""
    dense = ours.codes.dense().detach().numpy()
    return firing(SparseCodes.from_matrix(np.arange(len(dense)).astype(str), dense))


def fidelity_of(ours: Ours, offset: bool = True) -> Fidelity:
    """Of our reconstruction; without the mean of what is left over if no offset is to count."""
    left = 0.0 if offset else (ours.x - ours.reconstruction).mean(dim=0)
    return fidelity(ours.x.numpy(), (ours.reconstruction + left).detach().numpy())


def scalar(number: float) -> Tensor:
    """A number as the answers hold it."""
    return torch.tensor(number, dtype=torch.float64)


QUANTITIES: dict[str, Callable[[Ours], Tensor]] = {
    "codes": lambda ours: ours.codes.dense(),
    "codes at inference": lambda ours: ours.sae.encode(ours.x).dense(),
    "reconstruction": lambda ours: ours.reconstruction,
    "loss": lambda ours: ours.loss,
    "projected gradient": projected_gradient,
    "normalised decoder": normalised_decoder,
    "geometric median": lambda ours: geometric_median(ours.x),
    "next threshold": next_threshold,
    "explained variance": lambda ours: scalar(fidelity_of(ours, offset=False).r2),
    "R2": lambda ours: scalar(fidelity_of(ours).r2),
    "cosine": lambda ours: scalar(fidelity_of(ours).cosine),
    "L0": lambda ours: scalar(fired(ours).l0),
    "live share": lambda ours: scalar(1 - fired(ours).dead_share),
    "dead latents": lambda ours: torch.from_numpy(fired(ours).counts == 0).double(),
    "matched distance": lambda ours: scalar(
        ours.sae.width * (1 - stability(ours.sae.W_dec.detach().numpy(), ours.given["other"].numpy()))
    ),
}
"""Ours by name; none of them changes the dictionary."""


def compare(peer: str) -> list[Difference]:
    """All differences from a peer, in a folder that is removed."""
    with tempfile.TemporaryDirectory() as folder:
        answers(peer, Path(folder))
        return differences(peer, Path(folder))


def summary(found: list[Difference]) -> list[dict[str, Any]]:
    """The largest differences of each peer and quantity; all gradients are one."""
    groups: dict[tuple[str, str], list[Difference]] = {}
    for one in found:
        groups.setdefault((one.peer, kind_of(one.what)), []).append(one)
    return [
        {
            "peer": peer,
            "what": what,
            "recipes": sorted({one.recipe for one in group}),
            "arrays": len(group),
            **{dtype: rounded(max(one.share for one in group if one.dtype == dtype)) for dtype in TOLERANCE},
            "allowed": {dtype: max(one.allowed for one in group if one.dtype == dtype) for dtype in TOLERANCE},
        }
        for (peer, what), group in sorted(groups.items())
    ]


def table(noted: dict[str, Any] | None) -> str:
    """Markdown: a row for each peer and quantity, the definitions that differ, and why tolerances are wider."""
    if noted is None:
        return "Not run yet.\n"
    versions = ", ".join(f"{peer} {noted['versions'][peer]}" for peer in MAKERS)
    rows = [f"Run against {versions}.", "", "| peer | compared | recipes | arrays | float32 | float64 | at most |"]
    rows.append("|---|---|---|--:|--:|--:|--:|")
    for one in noted["compared"]:
        shares = f"{one['float32']:.1e} | {one['float64']:.1e}"
        bounds = f"{one['allowed']['float32']:.0e}, {one['allowed']['float64']:.0e}"
        recipes = ", ".join(one["recipes"])
        rows.append(f"| {one['peer']} | {one['what']} | {recipes} | {one['arrays']} | {shares} | {bounds} |")
    rows += ["", "Definitions that differ, and what is compared instead:", ""]
    rows += [f"- {peer}: {text}" for peer, texts in DEFINITIONS.items() for text in texts]
    rows += ["", "Tolerances above 1e-5 in float32 and 1e-12 in float64:", ""]
    rows += [f"- {peer}, {what}: {most:.0e}, since {why}." for (peer, what), (most, why) in WIDER.items()]
    return "\n".join(rows) + "\n"


def rounded(share: float) -> float:
    """Two digits."""
    return float(f"{share:.1e}")


def main() -> None:
    """The entry of `python -m tests.peers.compare`."""
    if not PEERS_PYTHON.is_file():
        sys.exit("error: the peers are not installed; `make peers` does it")
    try:
        found = [one for peer in MAKERS for one in compare(peer)]
    except CompanionError as error:
        sys.exit(f"error: {error}")
    for one in found:
        if not one.share <= one.allowed:
            print(f"{one.peer}, {one.recipe}, {one.what}, {one.dtype}: {one.share:.1e} (at most {one.allowed:.0e})")
    if any(not one.share <= one.allowed for one in found):
        sys.exit("error: not noted; the differences above are larger than their tolerances")
    note("peers", {"versions": peer_versions(), "compared": summary(found)})


if __name__ == "__main__":
    main()
