"""Figures of the sector for everybody, in which nobody in particular can be found."""
