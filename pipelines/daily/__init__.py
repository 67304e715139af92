"""What a run day after day needs: the partitions of a log, checks of a day and of a model, figures of both."""
