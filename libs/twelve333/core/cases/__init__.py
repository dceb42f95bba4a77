"""Cases: a question not answered in the call moves between units; the unit asked first answers the caller in the end."""
