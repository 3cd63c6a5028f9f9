"""Downloads and unpacks public datasets."""
