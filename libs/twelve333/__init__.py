"""twelve333 joins a country's 12333 hotlines into one service: schemas, pure core, SDK and command line."""

__version__ = "0.1.0"
