"""Pictures of plans and of chunk grids: values that are counted, and SVG that is drawn of them."""
