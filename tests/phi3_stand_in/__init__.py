"""A tiny random checkpoint with code of its own in Phi-3-vision's form, for an interpreter with an
old transformers.

ENV/bin/python -m tests.phi3_stand_in.make FOLDER

The form is the hub's: config.json's `auto_map` names classes in files beside the weights;
AutoModelForCausalLM is the only door; config.json asks for flash attention; the chat template is
the tokenizer's and takes words, not parts; a processor that takes one text with <|image_1|>,
<|image_2|> ... in it, gives each page its number of negative ids, and crops of the page as pixels.
None of the code is Phi-3-vision's.
"""
