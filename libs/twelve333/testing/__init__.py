"""Helpers for tests, shipped to partners: builders of facts and stand-ins for what is far away."""
