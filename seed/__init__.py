"""The real French catalogue, the scenario generator, the loader, and the demonstration."""
