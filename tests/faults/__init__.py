"""What breaks and what stays whole: real processes, a bad network between them, and an oracle that counts; see `docs/testing.md`."""
