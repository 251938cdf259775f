"""The baselines that one writes oneself: workflows as rows of a database."""
