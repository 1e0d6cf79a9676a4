"""Scripts of a hand-over, copied as they stand; nothing in them imports anything of ours."""
