// Which view is open, which document and which filters: the address's fragment says it all, so a link can be shared.
const FILTERS = ["model", "field", "outcome", "tag"];
const VIEWS = ["summary", "documents", "label-errors", "evidence"];
const readState = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const getFilter = (state) => Object.fromEntries(FILTERS.map((name) => [name, state[name] ?? ""]));
let matchingDocuments = [], currentDocument = null;

function changeState(change) {
  const state = { ...readState(), ...change };
  const names = ["doc", ...FILTERS.filter((name) => state[name])];
  location.hash = names.map((name) => `${name}=${encodeURIComponent(state[name] ?? "")}`).join("&");
}

function fillSelect(select, options, selectedValue) {
  select.replaceChildren(...options.map(([value, text]) => {
    const option = createNode("option", { value }, text);
    option.selected = value === selectedValue;
    return option;
  }));
}

const sortUnique = (values) => [...new Set(values)].sort();
const allCandidates = sortUnique([...data.candidates.keys()].map(formatCandidate));
const allFields = sortUnique(data.fields);
const allTags = sortUnique(data.documents.flatMap(formatTags));

function showFilters(filter) {
  const makeOptions = (values) => values.map((value) => [value, escapeInvisible(value)]);
  const outcomeCodes = Object.keys(OUTCOMES).filter((code) => code !== ABSENT_CODE);
  const formatOutcome = ([sign, name]) => `${sign} ${translate(name)}`;
  const all = ["", translate("all")], any = ["", translate("any")];
  fillSelect(byId("filter-model"), [all, ...makeOptions(allCandidates)], filter.model);
  fillSelect(byId("filter-field"), [all, ...makeOptions(allFields)], filter.field);
  fillSelect(byId("filter-tag"), [any, ...makeOptions(allTags)], filter.tag);
  fillSelect(byId("filter-outcome"), [
    any, ["errors", translate("errors")], ["doubtful", translate("doubtful reference")],
    ...outcomeCodes.map((code) => [code, formatOutcome(OUTCOMES[code])]),
  ], filter.outcome);
}

function showDocumentList(filter, doc) {
  const options = matchingDocuments.map((match) =>
    [makeDocumentKey(match), `${escapeInvisible(match.name)} (${countErrors(match, filter)})`]);
  fillSelect(byId("jump"), options, doc && makeDocumentKey(doc));
  byId("count").textContent = options.length
    ? translate("%s of %s documents", options.length, data.documents.length)
    : translate("No document fits these filters.");
}

function showDocument(state) {
  const filter = getFilter(state);
  matchingDocuments = data.documents.filter((doc) => documentMatches(doc, filter));
  const doc = matchingDocuments.find((match) => makeDocumentKey(match) === state.doc) ?? matchingDocuments[0];
  showFilters(filter);
  showDocumentList(filter, doc);
  const hasChanged = doc !== currentDocument;
  currentDocument = doc ?? null;
  document.querySelector(".document").hidden = !doc;
  if (!doc) return;
  byId("document-name").textContent = escapeInvisible(doc.name);
  byId("document-tags").textContent = escapeInvisible(formatTags(doc).join(", "));
  const isOfDocument = (labelError) => getErrorDocumentKey(labelError) === makeDocumentKey(doc);
  const labelErrors = data.label_errors.filter(isOfDocument);
  byId("document-label-errors").replaceChildren(...labelErrors.map(createErrorNode));
  const hadFocus = byId("fields").contains(document.activeElement);
  byId("fields").replaceChildren(...createAnswerNodes(doc, filter));
  // What had the focus is gone: the next Tab goes on from here.
  if (hadFocus) byId("fields").focus({ preventScroll: true });
  if (hasChanged || pageView.doc !== doc) {
    showPage(doc, 0);
    showNoPlace();
    showFirstPlace(doc, filter);
  }
}

// Who comes for errors sees where the first of them stands.
function showFirstPlace(doc, filter) {
  if (!filter.outcome && !filter.field) return;
  const columns = findColumns(doc, filter);
  const isMeant = (row) => doc.places?.[row] && columns.some((column) => resultMatches(doc, column, row, filter));
  const row = [...doc.paths.keys()].find(isMeant);
  if (row !== undefined) showPlace(doc, row);
}

function chooseView(state) {
  for (const name of ["label-errors", "evidence"]) if (name in state) return name;
  return "doc" in state ? "documents" : "summary";
}

function showView() {
  const state = readState();
  const view = chooseView(state);
  for (const name of VIEWS) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "documents") showDocument(state);
  if (view === "label-errors") showLabelErrors();
}

function stepDocument(step) {
  const next = matchingDocuments[matchingDocuments.indexOf(currentDocument) + step];
  if (next) changeState({ doc: makeDocumentKey(next) });
}

const findErrorCells = () => [...document.querySelectorAll("#fields [data-error]")];
const findFocusedCell = () => document.querySelector("#fields .focus");

function focusCell(cell) {
  findFocusedCell()?.classList.remove("focus");
  cell.classList.add("focus");
  showPlace(pageView.doc, Number(cell.closest("tr").dataset.row));
  cell.focus();
}

function focusFirstError() {
  const [first] = findErrorCells();
  if (first) focusCell(first);
}

function focusNextError() {
  const errorCells = findErrorCells();
  const nextCell = errorCells[errorCells.indexOf(findFocusedCell()) + 1];
  if (nextCell) return focusCell(nextCell);
  const filter = getFilter(readState());
  const laterDocuments = matchingDocuments.slice(matchingDocuments.indexOf(currentDocument) + 1);
  const nextDocument = laterDocuments.find((doc) => countErrors(doc, filter));
  if (!nextDocument) return;
  changeState({ doc: makeDocumentKey(nextDocument) });
  window.addEventListener("hashchange", focusFirstError, { once: true });
}

const KEYS = {
  j: () => stepDocument(1), ArrowRight: () => stepDocument(1),
  k: () => stepDocument(-1), ArrowLeft: () => stepDocument(-1),
  e: focusNextError, "+": () => zoomPage(ZOOM_STEP), "-": () => zoomPage(1 / ZOOM_STEP),
};
document.addEventListener("keydown", (event) => {
  if (byId("documents").hidden || !(event.key in KEYS)) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // The page image scrolls by the arrows; letters and signs mean the same there as elsewhere.
  const isLetterOnPage = event.target.id === "sheet" && event.key.length === 1;
  if (event.target.closest("input, select, textarea, dialog, #sheet") && !isLetterOnPage) return;
  event.preventDefault();
  KEYS[event.key]();
});
for (const name of FILTERS) byId(`filter-${name}`).onchange = (event) => changeState({ [name]: event.target.value });
byId("jump").onchange = (event) => changeState({ doc: event.target.value });
byId("previous").onclick = () => stepDocument(-1);
byId("next").onclick = () => stepDocument(1);
byId("next-error").onclick = focusNextError;
window.addEventListener("hashchange", showView);
showView();
