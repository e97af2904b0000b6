"""Known concept vectors in superposition, with captions that mention a subset of them."""

from lib.data.atoms.draw_atoms import MIXED, AtomDials, Atoms, contradict_atoms, draw_atoms, swap_one

__all__ = ["MIXED", "AtomDials", "Atoms", "contradict_atoms", "draw_atoms", "swap_one"]
