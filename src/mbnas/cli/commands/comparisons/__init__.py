"""Commands that compare networks: in a study, with the paper, with nnU-Net."""
