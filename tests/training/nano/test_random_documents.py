"""What is invented for training: nothing of the samples that ship, and the same again from the same
seed."""

import random

from training.nano.random_documents import LOOKS, any_word, invented, wish
from training.nano.tokenizer import LETTERS
from training.synthetic.lexicon import COMPANIES


def test_the_samples_companies_are_never_drawn() -> None:
    shipped = {values[0] for companies in COMPANIES.values() for values in companies}
    chance = random.Random(1)
    papers = [invented(chance, language, "slip", 2) for language in LOOKS for _ in range(200)]
    names = {company.name for paper in papers for company in (paper.seller, paper.buyer) if company}
    assert not names & shipped
    assert len(names) > 1000


def test_training_prints_names_that_no_syllable_gives_away() -> None:
    """Some are of few letters that come again and again, all can be said."""
    chance = random.Random(3)
    words = [any_word(chance) for _ in range(400)]
    assert max(map(len, words)) == 13
    assert sum(len(set(each.lower())) <= 4 < len(each) for each in words) > 20
    assert {letter for each in words for letter in each} <= set(LETTERS)


def test_names_are_made_of_the_words_that_are_asked_for() -> None:
    drawn = wish(random.Random(5), spell=lambda _: "Xq")
    assert "Xq" in drawn.paper.seller.name
    assert drawn.paper.seller.name != wish(random.Random(5)).paper.seller.name


def test_a_seed_is_a_document() -> None:
    assert wish(random.Random(5)) == wish(random.Random(5))
    assert wish(random.Random(5)) != wish(random.Random(6))


def test_a_receipt_has_no_buyer_and_no_due_date() -> None:
    paper = invented(random.Random(2), "de", "receipt", 3)
    assert paper.buyer is None
    assert paper.due is None
