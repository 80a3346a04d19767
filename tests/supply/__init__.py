"""What the service is built from: known advisories against it, a bill of its materials, bandit's look at our own."""
