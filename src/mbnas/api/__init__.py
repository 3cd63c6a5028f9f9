"""What ``import mbnas`` gives: the functions and classes of mbnas for Python and notebooks."""
