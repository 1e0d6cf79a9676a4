"""pytest hooks and fixtures, no logic of their own: session.py does the work.

pytest benchmarks -k qwen

Loaded by `addopts = -p vlm_lab.plugin` in pytest.ini, never by a conftest: pytest must know the options before it
looks at a path, or `--documents ../docs` would execute the conftest.py that lies beside the documents.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from vlm_lab.errors import DiskError, Skip, UserError
from vlm_lab.options import add_options, read_options
from vlm_lab.session import Session
from vlm_lab.types import Case, Document, Generation, Prediction, Prompt, Record, Score

SESSION = pytest.StashKey[Session]()
CASE = pytest.StashKey[Case]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options that README lists."""
    try:
        add_options(parser.getgroup("vlm-lab", "choose a vision-language model for your own invoices"))
    except ValueError as clash:
        raise pytest.UsageError(
            f"{clash}; another plugin owns it: add -p no:playwright (or that plugin's name)"
        ) from None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker; keeps pytest-benchmark's table away unless it is asked for."""
    config.addinivalue_line("markers", "dry_run: the model is not called (--dry-run)")
    if not config.getoption("benchmark_compare", None) and not config.getoption("benchmark_histogram", None):
        config.option.benchmark_quiet = True  # 2 MB on the terminal at 10,000 cases


def session_of(config: pytest.Config) -> Session:
    """The run, made when the first benchmark is collected: pytest over other tests pays nothing."""
    if SESSION not in config.stash:
        try:
            config.stash[SESSION] = Session(read_options(config))
        except UserError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[SESSION]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One case per model x prompt x document, for tests that ask for all three; ids are made for `-k`."""
    if not {"model", "prompt", "document"} <= set(metafunc.fixturenames):
        return
    session = session_of(metafunc.config)
    path = metafunc.definition.path
    try:
        cases = session.cases(path.with_name(path.stem.removeprefix("test_")))
    except UserError as error:
        raise pytest.UsageError(str(error)) from None
    marks = [pytest.mark.dry_run] if session.options.dry_run else []
    rows = [pytest.param(case.model, case, case.document, id=case.id, marks=marks) for case in cases]
    metafunc.parametrize(("model", "prompt", "document"), rows, indirect=["model", "prompt"], scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """models.yaml's order, each model loaded once; what a resumed run has is not asked again."""
    if SESSION not in config.stash:
        return
    session = config.stash[SESSION]
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "prompt" in item.callspec.params:
            item.stash[CASE] = item.callspec.params["prompt"]
    order = {model.name: place for place, model in enumerate(session.models)}
    items.sort(key=lambda item: order.get(item.stash[CASE].model.name, -1) if CASE in item.stash else -1)
    session.begin([item.stash[CASE] for item in items if CASE in item.stash])
    done = session.done()
    again = [item for item in items if CASE in item.stash and item.stash[CASE].key in done]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in again]


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Generator[Any]:
    """The candidate, loaded when its first case needs it and freed before the next one is."""
    candidate = session_of(request.config).candidate(request.param)
    yield candidate
    candidate.close()


@pytest.fixture
def prompt(request: pytest.FixtureRequest, document: Document) -> Prompt:
    """What this case sends: the words and, when somebody looks at them, the pages."""
    return session_of(request.config).prompt(request.param)


@pytest.fixture
def generate(request: pytest.FixtureRequest, benchmark: Any) -> Generator[Callable[[Any, Prompt], Generation]]:
    """`generate(model, prompt)`: a cached reply, or a new one that pytest-benchmark times."""
    session, case = session_of(request.config), request.node.stash[CASE]
    timed: list[object] = []

    def timer(call: Callable[[], Generation]) -> None:
        timed.append(call)
        benchmark.pedantic(call, rounds=session.options.rounds, iterations=1)

    def ask(model: Any, prompt: Prompt) -> Generation:
        with plain_errors():
            return session.generate(case, model, prompt, timer)

    yield ask
    if not timed:  # an unused `benchmark` warns, and a reply that was not timed must not stand in its table
        benchmark.disabled = True
        benchmark.pedantic(bool)


@pytest.fixture
def record(request: pytest.FixtureRequest, model: Any, prompt: Prompt) -> Callable[..., Record]:
    """`record(generation, prediction, score)`: writes the case, now."""
    session, case = session_of(request.config), request.node.stash[CASE]

    def write(generation: Generation, prediction: Prediction, score: Score) -> Record:
        with plain_errors():
            return session.record(case, model, prompt, generation, prediction, score)

    return write


@contextmanager
def plain_errors() -> Generator[None]:
    """Turns our exceptions into pytest's outcomes: one message, no traceback."""
    try:
        yield
    except DiskError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)
    except Skip as reason:
        pytest.skip(str(reason))
    except UserError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A cell that failed or was skipped before it could be recorded is written here, with its reason."""
    report = yield
    if CASE in item.stash and call.excinfo and (report.failed or report.skipped):
        error = call.excinfo.value
        with plain_errors():
            session_of(item.config).fail(item.stash[CASE], report.outcome, error.__cause__ or error)
    return report


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """What will be run, on which device and why, and what a user should know about documents and references."""
    return config.stash[SESSION].opening() if SESSION in config.stash else []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Builds the report from what was written, however the run ended."""
    if SESSION in session.config.stash and not session.config.option.collectonly:
        with plain_errors():
            session.config.stash[SESSION].finish()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per model x prompt, what is missing, and where the report lies."""
    config = terminalreporter.config
    if SESSION in config.stash:
        for line in config.stash[SESSION].closing():
            terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the thread that renders ahead."""
    if SESSION in config.stash:
        config.stash[SESSION].close()
