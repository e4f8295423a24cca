"""What all tests share: timing is no concern of theirs, so that a busy machine fails none."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
