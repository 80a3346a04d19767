"""Pages, and the addresses that tell whether the service is alive and ready."""
