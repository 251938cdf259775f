"""How fast durascope is: figures and ratios, printed by `make bench`. Nothing here fails a build."""
