"""The chapters of the story, in order."""
