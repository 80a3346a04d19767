"""The commands of `creneau`, one module each; `line` puts them together."""
