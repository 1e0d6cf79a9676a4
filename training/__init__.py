"""What makes things that ship, and is not in the package: the samples' drawing, the nano's
training.

Both need the `dev` extra; they may import all of vlm_lab, and nothing of vlm_lab imports them.
"""
