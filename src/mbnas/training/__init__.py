"""Training one network on one fold from one initialisation, and final trainings."""
