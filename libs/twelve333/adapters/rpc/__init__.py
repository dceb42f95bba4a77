"""Listening and dialling with gRPC: mutual TLS, the access gate, rich refusals, health, trace context."""
