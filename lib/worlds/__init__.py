"""Worlds by name, profiles, the session of a notebook."""
