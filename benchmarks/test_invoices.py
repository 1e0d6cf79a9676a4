"""One case per model x prompt x document of benchmarks/invoices/. For a suite of your own: test_NAME.py beside NAME/."""

from vlm_lab import parse, score


def test_invoice(model, document, prompt, generate, record):
    generation = generate(model, prompt)  # timed by pytest-benchmark; a cached reply is not timed
    prediction = parse(generation)
    record(generation, prediction, score(prediction, document))
