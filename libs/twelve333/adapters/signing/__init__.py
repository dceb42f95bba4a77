"""Certificates, keys, signed documents and join tokens: the only code that holds private keys."""
