"""The only code that touches the world: network, broker, databases, clock, keys, telemetry, settings, processes."""
