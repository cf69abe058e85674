"""Everything that touches the world; no family of adapters imports another."""
