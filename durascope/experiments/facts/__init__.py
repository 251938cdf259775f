"""Dated facts that no simulation gives: prices, limits, criteria. Data files only, each figure with its source."""
