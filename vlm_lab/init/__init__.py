"""What the JSON files of somebody else's pipeline say about themselves; `vlm_lab.suite_init` asks."""
