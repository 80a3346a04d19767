"""Organisations and their labels, people, API keys, roles: who acts, and what a role may do."""
