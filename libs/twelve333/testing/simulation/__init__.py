"""A federation in one thread under virtual time: the production relay, outbox, inbox and case store, everything around them simulated.

One seed decides everything: how many provinces, what they do, when links, nodes and the broker fail, which database is put back to an
older backup. The same seed gives the same run, to the last message; `docs/testing.md` tells how to read and replay one.
"""

from .run import Outcome, simulate

__all__ = ["Outcome", "simulate"]
