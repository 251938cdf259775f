"""Exploration: break a scenario at every point at which it can break, and say what is guaranteed.

disturbances (what can break, and when) · points (all of them, read off a trace) · outcomes and properties (what a
disturbance led to, and which promises it broke) · tally (many of them, added up) · explore (all of that) and explored
(what it found) · pairs and swarm (several at once) · findings and causes (the plainest of each kind, and why) · tokens
(they play one again) · shrink (the smallest scenario that shows it) · remedies (what could be changed) and
trials (each one applied, and the scenario explored again).
"""
