"""The service under load and faults for long: what grows, and what leaks."""
