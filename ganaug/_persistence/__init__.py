"""Files of our own: models and checkpoints, as data that can't run code."""
