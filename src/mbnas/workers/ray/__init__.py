"""A Ray cluster behind the standard library's `Executor`."""
