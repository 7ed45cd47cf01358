"""Processes, on one machine or many, that do one thing together: who is who, and what if one is lost."""
