"""For the app builder: plain files of a bundle, and golden vectors of the host steps for other languages."""

from densepose_mobile.export.mobile import PLATFORMS, Platform, export_bundle
from densepose_mobile.export.vectors import golden_vectors, write_vectors

__all__ = ["PLATFORMS", "Platform", "export_bundle", "golden_vectors", "write_vectors"]
