"""The demo as an Android project: staged here, built by buildozer elsewhere."""

from densepose_mobile.apps.camera.android.staging import stage

__all__ = ["stage"]
