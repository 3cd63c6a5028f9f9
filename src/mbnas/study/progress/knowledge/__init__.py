"""What is known of a search and its networks, given the noise of their scores."""
