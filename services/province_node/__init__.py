"""One autonomous installation serving a province and its units."""
