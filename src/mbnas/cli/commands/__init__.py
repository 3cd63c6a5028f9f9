"""The commands by what they work on; each folder has the options of its commands too."""
