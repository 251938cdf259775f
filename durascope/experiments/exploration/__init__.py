"""Exploration: break a scenario at every moment at which it can break, and say what is guaranteed.

disturbances (what can break, and when) · outcomes (what one disturbance led to, and which promises it broke) · explore
(all of them) · findings (the worst of each kind, how to reproduce it) · cures (remedies that were tried).
"""
