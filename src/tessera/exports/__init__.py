"""People and their history as files: written by a job, kept for some days, handed out to those who may."""
