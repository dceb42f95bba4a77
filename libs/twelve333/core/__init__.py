"""The pure core: every decision as a plain function of (facts, command, now). No I/O, clock, randomness or wire format."""
