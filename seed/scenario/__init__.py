"""Scenarios: plausible calendars, requests and bookings, the same on every machine for the same seed number."""
