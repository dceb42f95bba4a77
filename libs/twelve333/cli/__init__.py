"""The `twelve333` command: every capability for people and scripts."""

import os

# A failure is told in one sentence; gRPC's own lines for its developers are shown to whoever asks for them. Read when gRPC is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
