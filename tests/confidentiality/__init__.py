"""What each reader may find in any answer: everything else is a canary."""
