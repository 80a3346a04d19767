"""The commands of `creneau`, one module each; `app.cli` puts them together."""
