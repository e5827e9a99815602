"""Models as judges: whether each may be trusted, by its calibration."""

from __future__ import annotations

from parts import judges

judges.show()
