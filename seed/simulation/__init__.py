"""A year of the marketplace under reserve policies: what the coordinator sets the reserve shares with."""
