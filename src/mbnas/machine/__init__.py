"""The operating system: files, folders, memory and processes."""
