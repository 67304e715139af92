"""Training day after day, each slice of a log predicted before it is learned: real weeks, and a planted shift."""
