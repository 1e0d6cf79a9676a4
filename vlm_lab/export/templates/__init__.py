"""Scripts of an export, copied as they stand; nothing in them imports anything of ours."""
