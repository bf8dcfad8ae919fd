"""The conditional GAN: torch only, on encoded rows.

Nothing here knows scikit-learn or data frames, and of `_encoding` only the layout of a row.
"""
