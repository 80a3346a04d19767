"""CP-SAT: optional intervals of fixed size, no two overlapping in a window, strengthened by energy cuts."""
