"""Procedural sounds with known instruments, attributes and captions: the audio world that needs nothing."""

from lib.data.sounds.world import SoundTruth, sound_of, sounds, truth_of

__all__ = ["SoundTruth", "sound_of", "sounds", "truth_of"]
