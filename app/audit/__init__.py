"""The trail of everything written: append-only, by people, keys and jobs."""
