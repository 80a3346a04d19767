"""Columns: a window's whole sequence of campaigns at a time, priced by dynamic programming over its days."""
