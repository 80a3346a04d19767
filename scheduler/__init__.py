"""Allocation of campaigns to windows of capacity: problems in, proven plans out; no database, no web."""
