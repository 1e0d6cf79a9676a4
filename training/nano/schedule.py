"""The phases of a training: what is taught, in which order, for how long."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Phase:
    """`letters` supervises the tower, `reading` the words. Without `tower` its weights rest: it
    sees each strip anew in `bands` of so many rows, or, where that is 0, whole pictures, each once.

    `rows` is the height of the strips at the phase's start and from two thirds of it on, in cells;
    with `side` squares of so many cells take their place, of which `practice` is the share that is
    cut from sheets full of print. `spelling` is the share of steps whose answers are all that low
    strips show, always 24 of them: every token has to be read, so words learn to follow print
    sooner than by the few values of an invoice. With `prompts` the suite's prompts are asked beside
    the skeleton of JSON, which is short."""

    name: str
    steps: int
    size: int
    rate: float
    rows: tuple[int, int] = (100, 100)
    side: int = 0
    practice: float = 0.0
    letters: bool = False
    reading: bool = False
    tower: bool = True
    prompts: bool = False
    spelling: float = 0.0
    bands: int = 0


READING = Phase(
    "reading",
    6000,
    16,
    4e-3,
    (6, 36),
    reading=True,
    tower=False,
    prompts=True,
    spelling=0.6,
    bands=6,
)
WHOLE = Phase("reading-whole", 110, 16, 4e-4, reading=True, tower=False, prompts=True)
"""Pages as they are read later: bands cut a few letters, here there are none."""
RECIPE = (
    Phase("letters", 9000, 40, 6e-3, side=8, practice=0.65, letters=True),
    Phase("letters-on-pages", 300, 6, 2e-3, letters=True),
    READING,
    WHOLE,
)
"""From nothing: what five runs came to, put in a row; it was not run as one, see the card."""
FURTHER = (
    Phase("head", 300, 6, 6e-3, letters=True, tower=False),
    Phase("letters-further", 4500, 40, 3e-3, side=8, practice=0.6, letters=True),
    Phase("letters-on-pages-further", 200, 6, 1e-3, letters=True),
    replace(READING, name="reading-further", steps=3800, rate=2.5e-3, rows=(10, 36)),
    replace(WHOLE, name="reading-whole-further"),
)
"""What a checkpoint goes on with. It ships without its head for letters; a new one that knew
nothing would undo the tower within 20 steps, so the head is fitted first, while the tower rests."""
SMOKE = (Phase("letters", 250, 40, 6e-3, side=8, practice=0.75, letters=True),)
