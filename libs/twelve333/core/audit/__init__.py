"""Who did what and who looked at what, in a chain that cannot be changed unnoticed."""
