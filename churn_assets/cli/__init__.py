"""The words of the command line, by subject; each command parses and calls its room."""
