"""The `twelve333` command: every capability for people and scripts."""
