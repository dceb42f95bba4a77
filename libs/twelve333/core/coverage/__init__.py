"""Coverage: which unit answers for which region, topic, language and hour, and how many units are open."""
