"""A study at one moment: its search, the chosen network, and its networks and trainings as rows."""
