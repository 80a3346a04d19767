"""Personal data: what there is and why, a copy of it, its erasure, and how long it is kept."""
