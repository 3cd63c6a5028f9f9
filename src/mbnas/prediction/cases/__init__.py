"""Images in, label maps out, case by case."""
