"""Documents drawn from invented data, each with its exact reference: the samples that ship, and
more of their kind.

`draw(paper, layout)` in `render.py` is a function of values and a layout; `tools/make_samples.py`
calls it 26 times.
"""
