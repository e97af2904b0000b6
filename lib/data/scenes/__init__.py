"""Rendered scenes with known objects, attributes, taxonomy and captions: the world that needs nothing."""

from lib.data.scenes.world import SceneTruth, picture_of, scenes, truth_of

__all__ = ["SceneTruth", "picture_of", "scenes", "truth_of"]
