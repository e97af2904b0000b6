"""All worlds by name, and the function that opens the one a profile names."""

from __future__ import annotations

from lib.worlds.atoms import AtomWorld
from lib.worlds.caltech_b32 import CaltechB32
from lib.worlds.clip_arrays import ClipArrays
from lib.worlds.flickr_b32 import FlickrB32
from lib.worlds.imagenet_b32 import ImagenetB32
from lib.worlds.labels_b32 import LabelsB32
from lib.worlds.objects import Objects
from lib.worlds.own_arrays import OwnArrays
from lib.worlds.own_pictures import OwnPictures
from lib.worlds.photos import Photos
from lib.worlds.photos_gap import PhotosGap
from lib.worlds.photos_halves import PhotosHalves
from lib.worlds.products import Products
from lib.worlds.profiles import Profile
from lib.worlds.published_clip import PublishedClip
from lib.worlds.scenes import Scenes
from lib.worlds.scenes_details import ScenesDetails
from lib.worlds.sounds import Sounds
from lib.worlds.unsplash_b16 import UnsplashB16
from lib.worlds.world import World

_SHIPPED = (Scenes, ScenesDetails, Sounds, AtomWorld, ClipArrays, Photos, PhotosGap, Objects)
_FETCHED = (CaltechB32, LabelsB32, ImagenetB32, FlickrB32, UnsplashB16, Products, PhotosHalves, PublishedClip)
_OWN = (OwnPictures, OwnArrays)

WORLDS: dict[str, type[World]] = {world.name: world for world in (*_SHIPPED, *_FETCHED, *_OWN)}
"""The world for each name that a profile can give."""


def open_world(profile: Profile) -> World:
    """Open the world that a profile names.

    Examples
    --------
    >>> from lib.worlds.profiles import load_profile
    >>> world = open_world(load_profile("scenes", ["splits.test=2"]))
    >>> world.pairs("test").captions[0][0]
    'a picture of scissors together with a blue object'
    """
    return WORLDS[profile.world](profile)
