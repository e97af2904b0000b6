"""The rules of a register, in the short form that the tests of the registers repeat."""

from __future__ import annotations

from collections.abc import Mapping

from lib.report.register import Spec


def rules_of(specs: Mapping[str, Spec]) -> dict[str, dict[str, str]]:
    """Claim to part to rule and margin: {"p1.C4": {"score": "above 0", "R2": "above 0"}}."""
    return {id: {part.name: f"{part.rule} {part.margin:g}" for part in spec.parts} for id, spec in specs.items()}
