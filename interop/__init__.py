"""Bridges to other programs: an installed Magenta."""
