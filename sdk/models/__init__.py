"""Bundles that the package ships."""
