"""NRRD, MetaImage and GIPL by SimpleITK, as nnU-Net reads them."""
