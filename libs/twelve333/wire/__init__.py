"""Translates between the core and what travels; it does not talk."""
