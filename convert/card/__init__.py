"""Model cards: what a released model is, for whom, how good and how fast, made from its bundles and results files."""
