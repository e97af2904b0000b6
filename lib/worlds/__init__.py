"""Worlds by name, profiles, and the session of a notebook."""
