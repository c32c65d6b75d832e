"""What ``engines.eden`` stands on: NeuroML read and written, EDEN as a child process, and the mathematics its wheel lacks."""
