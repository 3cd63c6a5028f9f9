"""Racing: stop training a network once it is unlikely to beat the best one."""
