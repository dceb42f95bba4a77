"""`twelve333 simulate`: a day of the country's calls on the production rules of routing, seats and callbacks, in virtual time."""
