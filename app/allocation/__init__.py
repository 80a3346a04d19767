"""Rounds, solver runs, offers: reserved slots given out by the engine, in the open."""
