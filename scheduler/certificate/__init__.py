"""What can be said of a plan's fairness: each property holds, or fails with a counterexample."""
