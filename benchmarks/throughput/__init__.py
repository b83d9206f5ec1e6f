"""How fast a whole catalogue goes, beside what an astronomer writes today."""
