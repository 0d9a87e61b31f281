"""Raw talking-head videos to training shards: plain stages for one clip, and a run that spreads them with Ray Data."""
