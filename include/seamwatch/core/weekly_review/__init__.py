"""A week as its owners look at it: what happened, what it took, what comes next. Its words are in `report`."""
