"""The two harnesses. They translate samples into requests and logs into replies; they decide nothing."""
