"""Créneau: the national marketplace for the manufacturing capacity of biological medicines."""
