"""pytest hooks and fixtures, no logic of their own: session.py does the work.

pytest benchmarks -k qwen

Loaded by `addopts = -p vlm_lab.plugin` in pytest.ini, never by a conftest: pytest must know the
options before it looks at a path, or `--documents ../docs` would execute the conftest.py that lies
beside the documents.
"""

import gc
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.errors import DiskError, Skip, UserError, explain_missing_module
from vlm_lab.exit_status import ExitStatus
from vlm_lab.messages import translate_messages
from vlm_lab.sanitize import terminal_safe, terminal_safe_lines

try:
    from vlm_lab.run.distribution import (
        BY_MODEL,
        find_test_files,
        has_benchmark,
        is_distributing,
        make_distribution_error,
        refuse_distribution,
    )
    from vlm_lab.run.options import Options, add_options, read_options
    from vlm_lab.run.run_writer import SharedRunWriter
    from vlm_lab.run.selection import (
        build_suite_keyword,
        check_suite_options,
        choose_suite,
        explain_empty_selection,
        find_suites,
        get_suite_folder,
    )
    from vlm_lab.run.session import Session
    from vlm_lab.run.signals import interrupt_on_signals, restore_signals
    from vlm_lab.run.stopwatch import StopwatchPlugin, check_benchmark_plugin
    from vlm_lab.run.xdist_run import (
        Controller,
        SharedRun,
        end_workers,
        hand_in_findings,
        read_shared_run,
        see_own_devices,
        write_collected,
    )
    from vlm_lab.types import Case, Document, Generation, Prediction, Prompt, Record, Score, Status
except ModuleNotFoundError as error:
    raise pytest.UsageError(explain_missing_module(error)) from None

SESSION = pytest.StashKey[Session]()
CASE = pytest.StashKey[Case]()
CASES = pytest.StashKey[dict[str, list[Case]]]()  # of a file or class, by test function
ANSWERED = pytest.StashKey[list[Case]]()  # by the run that is resumed
SHARED_RUN = pytest.StashKey[SharedRun]()  # in a worker of pytest-xdist
USAGE_ERROR = pytest.StashKey[bool]()
NO_SESSION = pytest.StashKey[bool]()  # what was typed allows no run: said once, not for each file
DATA_FOLDERS = ("documents", "references")
SUITE_FILES = ("suite.yaml", "schema.json")
NO_TESTS_LEFT = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options that README lists."""
    group = parser.getgroup("vlm-lab", "choose a vision-language model for your own invoices")
    try:
        add_options(group)
    except ValueError as error:
        raise pytest.UsageError(
            f"{error}; another plugin owns it: add -p no:playwright (or that plugin's name)"
        ) from None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker; keeps pytest-benchmark's table and folder away unless asked for."""
    try:
        refuse_distribution(config)
    except UserError as error:
        raise pytest.UsageError(terminal_safe_lines(str(error))) from None
    shared_run = read_shared_run(config)
    if shared_run:
        config.stash[SHARED_RUN] = shared_run
        see_own_devices(shared_run)
    if config.pluginmanager.is_blocked("benchmark"):
        config.pluginmanager.register(StopwatchPlugin())
    config.addinivalue_line("markers", "dry_run: the model is not called (--dry-run)")
    wants_comparison = config.getoption("benchmark_compare", None)
    if not wants_comparison and not config.getoption("benchmark_histogram", None):
        config.option.benchmark_quiet = True  # 2 MB on the terminal at 10,000 cases
    if config.getoption("benchmark_storage", None) == "file://./.benchmarks":
        # Its folder is made wherever pytest is started, even inside the project beside us.
        config.option.benchmark_storage = f"file://{config.rootpath / 'cache' / 'benchmarks'}"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Where pytest-xdist hands out benchmarks: makes the run that its workers will write."""
    config = session.config
    if not is_distributing(config) or config.getoption("dist") != BY_MODEL:
        return
    if not any(map(has_benchmark, find_test_files(config))):
        return
    with stop_on_usage_errors(config):
        check_benchmark_plugin(config)
        run = config.stash[SESSION] = Session(read_options_and_suite(config))
        controller = Controller(config, run)
        controller.begin()
    config.pluginmanager.register(controller)
    interrupt_on_signals()


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int, int]:
    """A second Ctrl-C, while the run is being ended: one line and the status of the first."""
    try:
        return (yield)
    except KeyboardInterrupt:
        if SESSION not in config.stash:
            raise
        if SHARED_RUN not in config.stash:  # of several processes one says it
            print(f"\n{config.stash[SESSION].describe_second_interrupt()}", file=sys.stderr)
        return int(pytest.ExitCode.INTERRUPTED)


def get_session(config: pytest.Config) -> Session:
    """The run, made when the first benchmark is collected: pytest over other tests pays nothing."""
    session = config.stash.get(SESSION, None)
    if session is None:
        config.stash[NO_SESSION] = True
        with raise_usage_errors(config):
            check_benchmark_plugin(config)
            shared_run = config.stash.get(SHARED_RUN, None)
            # A worker of pytest-xdist, where a file did not show that it has benchmarks.
            if hasattr(config, "workerinput") and shared_run is None:
                raise make_distribution_error(config, config.workerinput["mainargv"][1:])
            session = config.stash[SESSION] = make_session(config, shared_run)
        del config.stash[NO_SESSION]
    return session


def make_session(config: pytest.Config, shared_run: SharedRun | None) -> Session:
    """The run, or this worker's part in one."""
    options = read_options_and_suite(config)
    if shared_run is None:
        return Session(options)
    resume = shared_run.folder if shared_run.is_resumed else None
    writer = SharedRunWriter(shared_run.folder, shared_run.is_resumed)
    session = Session(replace(options, command=shared_run.command, resume=resume), writer)
    session.plan.records_end = shared_run.records_end
    return session


def read_options_and_suite(config: pytest.Config) -> Options:
    """What was typed, with the one suite that it names."""
    options, text = read_options(config), config.getoption("suite")
    suites = find_suites(config)
    if text:
        chosen = choose_suite(text, suites, config.invocation_params.dir)
        return replace(options, suite=chosen.folder, suite_test=chosen.test_file)
    check_suite_options(options, suites, config.option.keyword)
    return options


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Python looks through all objects for cycles whenever they are a quarter more. Of cases by the
    hundred thousand none is in one, and they stay to the process's end: they are not looked through
    while they are collected, nor later with what the cases leave."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return (yield)
    finally:
        if SESSION in session.config.stash:
            gc.freeze()
        if was_enabled:
            gc.enable()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """No tests are looked for among a suite's documents and references: what lies there is other
    people's, may be thousands of files, and is never executed."""
    if collection_path.name not in DATA_FOLDERS:
        return None
    is_of_suite = any((collection_path.parent / name).is_file() for name in SUITE_FILES)
    return is_of_suite or None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One case per model x prompt x document, for tests that use all three; `-k` selects ids."""
    if not {"model", "prompt", "document"} <= set(metafunc.fixturenames):
        return
    if NO_SESSION in metafunc.config.stash:
        return
    session = get_session(metafunc.config)
    path = metafunc.definition.path
    is_left_out = session.options.suite_test not in (None, path.resolve())
    with raise_usage_errors(metafunc.config):
        cases = [] if is_left_out else session.plan.build_cases(get_suite_folder(path))
    marks = [pytest.mark.dry_run] if session.options.dry_run else []
    rows = [pytest.param(case.model, id=case.id, marks=marks) for case in cases]
    # Session scope keeps a model loaded from case to case. It is all that has this scope: pytest
    # puts tests that share such a parameter side by side, and remembers each value of it. The
    # case is found by the row's number.
    metafunc.parametrize("model", rows, indirect=True, scope="session")
    definition = metafunc.definition
    assert definition.parent  # noqa: S101 - a test stands in a file or a class
    definition.parent.stash.setdefault(CASES, {})[definition.name] = cases


def find_cases(item: pytest.Item) -> Sequence[Case] | None:
    """The cases of an item's test function, in its rows' order; None of any other test."""
    if not isinstance(item, pytest.Function) or not item.parent:
        return None
    return item.parent.stash.get(CASES, {}).get(item.originalname)


def mark_cases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Notes each item's case, and the suite that `-k` may name; tests of suites that `--suite`
    leaves out have none and go."""
    without_case = []
    for item in items:
        cases = find_cases(item)
        if cases:
            case = item.stash[CASE] = cases[item.callspec.indices["model"]]  # type: ignore[attr-defined]
            item.extra_keyword_matches.add(build_suite_keyword(case.document.suite.name))
        elif cases is not None:
            without_case.append(item)
    if without_case:
        config.hook.pytest_deselected(items=without_case)
        items[:] = [item for item in items if item not in without_case]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """models.yaml's order, each model loaded once; what a resumed run has is not asked again.

    Plugins find the files' order (`--sw` goes on where it stopped). An order that one of them draws
    stays among the cases of a model.
    """
    session = config.stash.get(SESSION, None)
    if session is None:
        return (yield)
    mark_cases(config, items)
    all_cases = [item.stash[CASE] for item in items if CASE in item.stash]
    keyword = config.option.keyword
    config.option.keyword = session.plan.select_suites(keyword)

    def rank_item(item: pytest.Item) -> tuple[int, ...]:
        return session.plan.rank_case(item.stash[CASE]) if CASE in item.stash else ()

    deselect_cases(config, items, lambda case: not session.plan.is_selected(case))
    items.sort(key=rank_item)
    yield
    config.option.keyword = keyword
    if keyword and all_cases and not items:
        session.empty_selection = explain_empty_selection(keyword, all_cases)
    items.sort(key=lambda item: rank_item(item)[:1])
    selected = [item.stash[CASE] for item in items if CASE in item.stash]
    with stop_on_usage_errors(config):
        answered_keys = session.plan.find_former_answers(selected).keys
    config.stash[ANSWERED] = [case for case in selected if case.key in answered_keys]
    deselect_cases(config, items, lambda case: case.key in answered_keys)


def deselect_cases(
    config: pytest.Config, items: list[pytest.Item], is_out: Callable[[Case], bool]
) -> None:
    """Takes cases off the items that will be run, as pytest's own -k does."""
    items_by_out: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        items_by_out[CASE in item.stash and is_out(item.stash[CASE])].append(item)
    if items_by_out[True]:
        config.hook.pytest_deselected(items=items_by_out[True])
        items[:] = items_by_out[False]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """What is run is what is left after every plugin has had its say: --lf among them."""
    stash = session.config.stash
    if SESSION in stash:
        first_case = find_first_case(session)
        if first_case:
            stash[SESSION].runner.begin_loading(first_case)
        selected = [item.stash[CASE] for item in session.items if CASE in item.stash]
        try:
            stash[SESSION].schedule_cases([*stash.get(ANSWERED, []), *selected])
        except UserError as error:
            stash[USAGE_ERROR] = True
            raise pytest.UsageError(terminal_safe_lines(str(error))) from None
        if SHARED_RUN in stash:
            tests = {item.nodeid: item.stash[CASE] for item in session.items if CASE in item.stash}
            write_collected(stash[SHARED_RUN], stash[SESSION].plan.cases, tests)


def find_first_case(session: pytest.Session) -> Case | None:
    """What this process asks first; None where it runs nothing, something else, or what the others
    of a distributed run leave to it."""
    option = session.config.option
    only_shows = option.collectonly or getattr(option, "setuponly", False)
    if only_shows or session.testsfailed or not session.items or SHARED_RUN in session.config.stash:
        return None
    return session.items[0].stash.get(CASE, None)


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Generator[Any]:
    """The candidate, loaded when its first case needs it (a run's first may load already) and freed
    before the next one is."""
    session = get_session(request.config)
    candidate = session.runner.open_candidate(request.param)
    yield candidate
    try:
        if not request.session.shouldfail and not request.session.shouldstop:
            session.repeat_cases(candidate)
    finally:
        session.runner.close_candidate(candidate)


@pytest.fixture
def document(request: pytest.FixtureRequest) -> Document:
    """The case's document, with its reference."""
    session, case = get_session(request.config), request.node.stash[CASE]
    return session.plan.left_out.get_document(case)


@pytest.fixture
def prompt(request: pytest.FixtureRequest) -> Prompt:
    """What this case sends: the words and, when somebody looks at them, the pages."""
    with convert_errors():
        return get_session(request.config).runner.build_prompt(request.node.stash[CASE])


@pytest.fixture
def generate(
    request: pytest.FixtureRequest, benchmark: Any
) -> Generator[Callable[[Any, Prompt], Generation]]:
    """`generate(model, prompt)`: a cached reply, or a new one that pytest-benchmark times."""
    session, case = get_session(request.config), request.node.stash[CASE]
    timed_calls: list[object] = []

    def timer(call: Callable[[], Generation]) -> None:
        timed_calls.append(call)
        rounds = session.options.rounds
        if SHARED_RUN in request.config.stash:
            # It has switched itself off, and would ask once alone: the clock is ours in any case.
            benchmark.pedantic(lambda: [call() for _ in range(rounds)])
        else:
            benchmark.pedantic(call, rounds=rounds, iterations=1)

    def ask(model: Any, prompt: Prompt) -> Generation:
        with convert_errors():
            generation = session.runner.generate_reply(case, model, prompt, timer)
        return replace(generation, fields=case.document.suite.fields)

    yield ask
    # An unused `benchmark` warns, and a reply that was not timed must not stand in its table.
    if not timed_calls:
        benchmark.disabled = True
        benchmark.pedantic(bool)


@pytest.fixture
def record(request: pytest.FixtureRequest, prompt: Prompt) -> Callable[..., Record]:
    """`record(generation, prediction, score)`: writes the case, now.

    It does not ask for `model`: a fixture that outlives the test would remember each test that used
    it.
    """
    session, case = get_session(request.config), request.node.stash[CASE]

    def write(generation: Generation, prediction: Prediction, score: Score) -> Record:
        with convert_errors():
            return session.record_answer(case, prompt, generation, prediction, score)

    return write


@contextmanager
def raise_usage_errors(config: pytest.Config) -> Generator[None]:
    """What the user typed or wrote cannot be used: one message and exit 4, while files are
    collected."""
    try:
        yield
    except UserError as error:
        config.stash[USAGE_ERROR] = True
        raise pytest.Collector.CollectError(terminal_safe_lines(str(error))) from None


@contextmanager
def stop_on_usage_errors(config: pytest.Config) -> Generator[None]:
    """As `raise_usage_errors`, when the files have been collected."""
    try:
        yield
    except UserError as error:
        config.stash[USAGE_ERROR] = True
        raise pytest.UsageError(terminal_safe_lines(str(error))) from None


@contextmanager
def convert_errors() -> Generator[None]:
    """Turns our exceptions into pytest's outcomes: one message, no traceback, and none of what a
    worker or a file may have put into it that a terminal would act on."""
    try:
        yield
    except DiskError as error:
        pytest.exit(terminal_safe_lines(str(error)), returncode=ExitStatus.FAILED)
    except Skip as skip:
        pytest.skip(terminal_safe_lines(str(skip)))
    except UserError as error:
        raise pytest.fail.Exception(terminal_safe_lines(str(error)), pytrace=False) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Writes a cell that failed or was skipped before it could be recorded, with its reason."""
    report = yield
    if report.passed:
        report.keywords = {}  # pytest keeps three reports a case to the end, each with its own copy
    if CASE not in item.stash or not call.excinfo:
        return report
    session, case, error = get_session(item.config), item.stash[CASE], call.excinfo.value
    is_interrupted = isinstance(error, KeyboardInterrupt | pytest.exit.Exception)
    if not session.has_written(case) and not is_interrupted:
        with convert_errors():
            status: Status = "skipped" if report.skipped else "error"
            session.record_failure(case, status, error.__context__ or error)
    return report


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """What will be run, on which device and why, and notes on documents and references."""
    if SESSION not in config.stash:
        return []
    session = config.stash[SESSION]
    return [*map(terminal_safe, session.plan.format_header_lines(session.device))]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Makes the run's folder before anything is asked. Shows what is being run; quiet where the
    output is no terminal."""
    if CASE not in item.stash:
        return
    with stop_on_usage_errors(item.config):
        get_session(item.config).begin()
    interrupt_on_signals()
    forget_passed_phases(item.config)
    if is_live(item.config):
        terminal: Any = item.config.pluginmanager.get_plugin("terminalreporter")
        terminal.rewrite(get_session(item.config).progress.start_case(item.stash[CASE]), erase=True)


def forget_passed_phases(config: pytest.Config) -> None:
    """Drops what pytest keeps to the end of each test that passed, three reports a case.

    --durations reads them, -rP shows what they have captured, -rp their names. Otherwise those of
    setup and teardown go, unless they have captured something, and the third is only counted: the
    first of all stands in its place.
    """
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or config.getoption("durations") is not None:
        return
    reports = terminal.stats.get("", [])
    while reports and not reports[-1].sections:
        reports.pop()
    passed_reports = terminal.stats.get("passed", [])
    if passed_reports and not terminal.hasopt("p") and not terminal.hasopt("P"):
        passed_reports[-1] = passed_reports[0]


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.TestReport, config: pytest.Config
) -> tuple[str, str, str] | None:
    """No letters between the live lines; what is said of a candidate has a word of its own."""
    if SESSION not in config.stash:
        return None
    if config.stash[SESSION].checks:
        # Brings numpy, which collection can do without.
        from vlm_lab.run.candidate_checks import find_check_word

        word = find_check_word(report)
        if word is not None:
            return (word, "", "")
    if is_live(config) and not report.failed:
        is_counted = report.skipped or report.when == "call"
        return (report.outcome if is_counted else "", "", report.outcome.upper())
    return None


def is_live(config: pytest.Config) -> bool:
    """Whether somebody watches: a terminal, and neither -v nor -q."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    is_watched = terminal and terminal.isatty and config.option.verbose == 0
    return bool(is_watched) and not is_distributing(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Builds the report from what was written, however the run ended."""
    is_unusable = session.exitstatus == ExitStatus.USAGE_ERROR
    if is_unusable or session.config.stash.get(USAGE_ERROR, False):
        session.exitstatus = ExitStatus.USAGE_ERROR
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["vlm_lab_mistake"] = True
    elif SHARED_RUN in session.config.stash:
        if SESSION in session.config.stash:
            output = session.config.workeroutput  # type: ignore[attr-defined]
            with suppress(DiskError):  # which its findings say
                session.config.stash[SESSION].finish_writing()
            hand_in_findings(session.config.stash[SESSION], output)
    elif SESSION in session.config.stash and not session.config.option.collectonly:
        benchmark_session = session.config.stash[SESSION]
        with convert_errors():
            if is_distributing(session.config):
                end_workers(session.config)
                benchmark_session.gather_records()
            benchmark_session.finish()
        if benchmark_session.disk_error:  # pytest-xdist would call it an interruption
            session.exitstatus = ExitStatus.FAILED
        if benchmark_session.options.resume and session.exitstatus == NO_TESTS_LEFT:
            session.exitstatus = pytest.ExitCode.OK
        session.exitstatus = session.exitstatus or benchmark_session.exit_status
        if benchmark_session.checks:
            # Brings numpy, which collection can do without.
            from vlm_lab.run.candidate_checks import publish_checks

            publish_checks(session.config, benchmark_session.checks)
        if gate_result := benchmark_session.gate_result:
            lines = [gate_result.status, *translate_messages(gate_result.lines)]
            add_junit_property(session.config, "vlm-lab gate", "; ".join(lines))


def add_junit_property(config: pytest.Config, name: str, value: str) -> None:
    """A property of the JUnit file, where one is written. pytest's own fixture for that writes
    nothing where workers of pytest-xdist run the tests."""
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "add_global_property"):
            plugin.add_global_property(name, value)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker of pytest-xdist refused ends the whole run as it would have ended its own."""
    if getattr(node, "workeroutput", {}).get("vlm_lab_mistake"):  # one that died left none
        node.config.stash[USAGE_ERROR] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per model x prompt, what is missing, and where the report lies."""
    config = terminalreporter.config
    if SESSION in config.stash:
        for line in config.stash[SESSION].format_summary_lines():
            terminalreporter.write_line(terminal_safe(line))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Says last which candidates failed; ends the thread that renders ahead, and lets others go on
    with the run."""
    if SESSION in config.stash:
        session = config.stash[SESSION]
        write_last_line(config, session)
        session.close()
        restore_signals()


def write_last_line(config: pytest.Config, session: Session) -> None:
    """The candidates that pytest's last line counts and does not name."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or not session.checks:
        return
    # Brings numpy, which collection can do without.
    from vlm_lab.run.candidate_checks import format_last_line

    last_line = format_last_line(session.checks)
    if last_line:
        terminal.write_line(terminal_safe(last_line), red=True)
