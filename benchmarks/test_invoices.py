"""One case per model x prompt x document of benchmarks/invoices/. For your own suite: test_NAME.py
beside NAME/."""

from vlm_lab import parse, score


def test_invoice(model, document, prompt, generate, record):
    generation = generate(model, prompt)  # timed by pytest-benchmark; a cached reply is not timed
    prediction = parse(generation)
    record(generation, prediction, score(prediction, document))
