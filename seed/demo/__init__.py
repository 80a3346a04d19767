"""The whole story, told through the HTTP API as its users would live it."""
