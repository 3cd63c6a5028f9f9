"""What mattered in a search: effects of choices, shares of variance, and an ablation path."""
