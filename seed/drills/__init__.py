"""Drills: scenarios, and how one is played against a running service."""
