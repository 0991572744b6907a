"""From two tilings and a budget to a plan: routes, blocks, memory. Pure."""
