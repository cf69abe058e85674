"""One class per resource: parse, call one use case, render."""
