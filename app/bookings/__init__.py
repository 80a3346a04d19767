"""Holds, confirmation, cancellation, and what they cost: a period inside one slot, taken by one party at a time."""
