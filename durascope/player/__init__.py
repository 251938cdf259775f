"""The player: what happened, what would have happened, and what could still happen, in one page that plays it.

packing (traces as columns, each the difference to the one it forks from) · stories (the traces that a page opens with)
· forks (one crash more, at every moment) · document (all that a page shows) · page (the page as one file) · server (the
page that asks the models while it is looked at). The page itself is written in TypeScript, in `player/`.
"""
