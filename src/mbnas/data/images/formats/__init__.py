"""The formats of image files, one module for each library."""
