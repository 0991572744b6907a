"""Pictures of plans and of chunk grids: what they show is counted first, then drawn as SVG."""
