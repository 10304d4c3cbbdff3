"""The engines a warehouse may be on, a file each."""
