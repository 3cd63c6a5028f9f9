"""Formats of pictures: PNG, JPEG and BMP by Pillow, TIFF by tifffile."""
