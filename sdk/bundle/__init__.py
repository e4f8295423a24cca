"""Bundles: one file with a model's graphs, its manifest and what it must compute."""

from densepose_mobile.bundle.golden import Deviation
from densepose_mobile.bundle.manifest import SCHEMA, Manifest
from densepose_mobile.bundle.reader import BUNDLE_SUFFIX, DEFAULT_BUNDLE, Bundle, registered
from densepose_mobile.bundle.writer import ALIGNMENT, write_bundle

__all__ = [
    "ALIGNMENT",
    "BUNDLE_SUFFIX",
    "DEFAULT_BUNDLE",
    "SCHEMA",
    "Bundle",
    "Deviation",
    "Manifest",
    "registered",
    "write_bundle",
]
