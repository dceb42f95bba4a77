"""Traces, metrics and logs. Nothing is exported unless the settings say so; nothing personal ever enters them."""
