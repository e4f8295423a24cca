"""Files of the Android project, with places for what `stage` fills in."""
