"""Traces and scenarios as pictures, text and files."""
