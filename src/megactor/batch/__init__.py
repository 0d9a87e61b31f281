"""Many animations from one list: `pairs` reads it, `work` makes one, `run` spreads them, `store` knows what is done."""
