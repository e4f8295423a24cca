"""The training loop: recipe, Lightning module, logging of pictures and metrics."""
