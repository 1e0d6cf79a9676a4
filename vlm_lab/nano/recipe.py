"""The phases of a training: what is taught, in which order, for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """`letters` supervises the tower, `reading` the words; without `tower` its weights rest and what it sees of each
    picture is computed once. `rows` is the height of the strips at the phase's start and at its end, in cells; with
    `side` squares of so many cells take their place, of which `practice` is the share that is cut from sheets full of
    print. `spelling` is the share of steps whose answers are all that low strips show, always 24 of them: every token
    has to be read, so words learn to follow print sooner than by the few values of an invoice. With `prompts` the
    suite's prompts are asked beside the skeleton of JSON, which is short."""

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


RECIPE = (
    Phase("letters", 3200, 40, 6e-3, side=8, practice=0.75, letters=True),
    Phase("letters-on-pages", 340, 8, 3e-3, letters=True),
    Phase("spelling", 160, 24, 4e-3, reading=True, tower=False, spelling=1.0),
    Phase("reading", 1200, 16, 4e-3, rows=(7, 26), reading=True, tower=False),
    Phase("prompts", 2000, 16, 3e-3, rows=(8, 26), reading=True, tower=False, prompts=True),
)
"""From nothing: the first run, which saw pictures of 115,200 pixels, without its detours; see the card."""
FURTHER = (
    Phase("head", 100, 16, 5e-3, letters=True, tower=False),
    Phase("letters-larger", 1500, 40, 3e-3, side=8, practice=0.6, letters=True),
    Phase("letters-on-larger-pages", 400, 6, 2e-3, letters=True),
    Phase("reading-larger", 1500, 16, 1.5e-3, rows=(16, 36), reading=True, tower=False, prompts=True, spelling=0.15),
)
"""What a checkpoint goes on with; what ships stopped at step 1,400 of the last phase. A checkpoint has no head, and one
that knows nothing would undo the tower: it learns alone first. Words that can read are undone by the rates that they
learnt at, hence a lower one."""
SMOKE = (Phase("letters", 250, 40, 6e-3, side=8, practice=0.75, letters=True),)
