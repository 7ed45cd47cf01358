"""The command line: a module for the commands that make pictures, one for training, and how they speak."""
