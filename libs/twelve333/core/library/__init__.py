"""The national resource library: what an entry is, when a release holds, and how a question becomes a search."""
