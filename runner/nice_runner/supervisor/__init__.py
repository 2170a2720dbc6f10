"""What a worker does with its link and its processes: takes runs, executes them, reports them, leaves."""
