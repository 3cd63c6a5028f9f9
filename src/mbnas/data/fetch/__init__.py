"""Public datasets, downloaded and unpacked."""
