"""Synthesised sounds with known instruments, attributes and captions: the world of sounds that needs no files."""

from lib.data.sounds.sound_pairs import SoundTruth, sound_of, sounds, truth_of

__all__ = ["SoundTruth", "sound_of", "sounds", "truth_of"]
