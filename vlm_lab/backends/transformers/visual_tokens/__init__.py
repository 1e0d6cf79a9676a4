"""How many tokens a page becomes, and which processor settings keep it within a budget of them.

Arithmetic alone, a module for each way in which vision towers are given pages: a model's config and
a page's size come in, a number or processor settings go out.

Used by the dry run and inside the worker, perhaps in another interpreter: imports nothing else of
ours, valid on Python 3.9. `config` is config.json, `preprocessor` the image processor's settings,
`size` a page's width and height in pixels.
"""
