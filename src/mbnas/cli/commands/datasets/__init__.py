"""Commands about datasets: download and check."""
