"""From a trained model to the formats of other tools."""
