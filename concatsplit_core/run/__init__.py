"""A job from its plan to its published outputs: engine, threads, events, result, manifest."""
