"""Everything that runs on servers: the atlas, synthetic people, models, losses and the training engine."""
