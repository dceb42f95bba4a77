"""Routing: where a call goes and why, and the life of a handoff between two units."""
