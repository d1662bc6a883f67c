"""Training: pictures from folders, the loss, the schedule, the loop and its checkpoints."""
