"""Every operation tried by every role, on what is its own, what is not, and what is not there."""
