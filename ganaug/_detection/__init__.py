"""The parts of the detector: features, reference rows, discriminators, scores, explanation."""
