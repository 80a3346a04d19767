"""The commands of ``python -m scheduler``, one module each; `common` is what they share."""
