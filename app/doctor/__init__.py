"""Looks at a deployment, and says in plain words what is right, what is not, and what to do next."""
