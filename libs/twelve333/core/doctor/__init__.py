"""What an installation checks of itself, and what each finding means."""
