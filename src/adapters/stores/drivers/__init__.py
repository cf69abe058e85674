"""The kinds of stores that come along: their options, and how each is opened."""
