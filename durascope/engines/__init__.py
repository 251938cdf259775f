"""The engines that ship: a package each, whose `ENGINE` says what it is called and where its parts are."""
