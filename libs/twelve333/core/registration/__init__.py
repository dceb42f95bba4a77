"""Registration: who is a member of the federation, which units there are, and in which state each is."""
