"""Containers and encoders: numpy and data frames on one side, encoded rows on the other.

Nothing here knows torch.
"""
