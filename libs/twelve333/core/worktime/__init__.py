"""Working time: when something is due, counted in calendar or working time, with make-up working days; sits below cases."""
