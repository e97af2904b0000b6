"""Rendered scenes with known objects, attributes, taxonomy and captions: the world of pictures that needs no files."""

from lib.data.scenes.scene_pairs import SceneTruth, picture_of, scenes, truth_of

__all__ = ["SceneTruth", "picture_of", "scenes", "truth_of"]
