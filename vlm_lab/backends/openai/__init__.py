"""A prompt -> one request to a server that speaks OpenAI's chat completions, and its response -> a
reply.

Settings say where it goes and what with, the client sends it and waits, responses reads what came.
"""
