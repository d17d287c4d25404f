"""How values look, knowing no type of ours: in a notebook, in a terminal, and as a person says them."""
