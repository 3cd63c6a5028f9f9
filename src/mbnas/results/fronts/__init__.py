"""Networks that no other beats in both score and cost, and the choice among them."""
