"""How the displays of `ganaug.plotting` read tables and draw panels."""
