"""Who somebody is. `random_traits(seed)` says it in numbers and words, `build_subject(bust, traits)` makes it."""
