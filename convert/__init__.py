"""From a checkpoint to verified device graphs and a bundle."""
