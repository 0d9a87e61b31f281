"""Models judged on whole test sets."""
