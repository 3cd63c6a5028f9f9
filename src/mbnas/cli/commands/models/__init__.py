"""Commands about models: train, predict, evaluate, export."""
