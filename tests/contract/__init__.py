"""The service against its own description: any input, every role."""
