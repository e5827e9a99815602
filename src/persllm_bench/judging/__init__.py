"""Judges of free text: the rubric, what a judge is asked to show how good it is, and how its errors are corrected."""
