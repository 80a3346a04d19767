"""Running jobs: each attempt is numbered, has its effect once, and what fails for good is kept for people to see."""
