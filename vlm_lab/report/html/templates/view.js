// Which view is open, which document and which filters: the address's fragment says it all, so a link can be shared.
const FILTERS = ["model", "field", "outcome", "tag"];
const readState = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const getFilter = (state) => Object.fromEntries(FILTERS.map((name) => [name, state[name] ?? ""]));
let matchingDocuments = [], currentDocument = null;

function changeState(change) {
  const state = { ...readState(), ...change };
  const names = ["doc", ...FILTERS].filter((name) => name === "doc" || state[name]);
  location.hash = names.map((name) => `${name}=${encodeURIComponent(state[name] ?? "")}`).join("&");
}

function fillSelect(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => {
    const option = createNode("option", { value }, text);
    option.selected = value === chosen;
    return option;
  }));
}

const sortUnique = (values) => [...new Set(values)].sort();
const allFields = sortUnique(data.fields);
const allTags = sortUnique(data.documents.flatMap((doc) => Object.entries(doc.tags).map(([key, value]) => `${key}=${value}`)));

function showFilters(filter) {
  const plain = (values) => values.map((value) => [value, escapeInvisible(value)]);
  fillSelect(byId("filter-model"), [["", translate("all")], ...plain(sortUnique(data.candidates.map((each, column) => formatCandidate(column))))], filter.model);
  fillSelect(byId("filter-field"), [["", translate("all")], ...plain(allFields)], filter.field);
  fillSelect(byId("filter-tag"), [["", translate("any")], ...plain(allTags)], filter.tag);
  const outcomes = Object.entries(OUTCOMES).filter(([key]) => key !== "n").map(([key, [sign, name]]) => [key, `${sign} ${translate(name)}`]);
  fillSelect(byId("filter-outcome"), [["", translate("any")], ["errors", translate("errors")], ["doubtful", translate("doubtful reference")], ...outcomes], filter.outcome);
}

function showDocument(state) {
  const filter = getFilter(state);
  matchingDocuments = data.documents.filter((doc) => documentMatches(doc, filter));
  const doc = matchingDocuments.find((each) => makeDocumentKey(each) === state.doc) ?? matchingDocuments[0];
  showFilters(filter);
  fillSelect(byId("jump"), matchingDocuments.map((each) => [makeDocumentKey(each), `${escapeInvisible(each.name)} (${countErrors(each, filter)})`]), doc && makeDocumentKey(doc));
  byId("count").textContent = matchingDocuments.length ? translate("%s of %s documents", matchingDocuments.length, data.documents.length) : translate("No document fits these filters.");
  const changed = doc !== currentDocument;
  currentDocument = doc ?? null;
  document.querySelector(".document").hidden = !doc;
  if (!doc) return;
  byId("document-name").textContent = escapeInvisible(doc.name);
  byId("document-tags").textContent = escapeInvisible(Object.entries(doc.tags).map(([key, value]) => `${key}=${value}`).join(", "));
  byId("own-doubts").replaceChildren(...data.doubts.filter((each) => `${each.suite}/${each.document}` === makeDocumentKey(doc)).map(createErrorNode));
  const within = byId("fields").contains(document.activeElement);
  byId("fields").replaceChildren(...createAnswerNodes(doc, filter));
  if (within) byId("fields").focus({ preventScroll: true }); // what had the focus is gone: the next Tab goes on from here
  if (changed || pageView.doc !== doc) showPage(doc, 0);
}

function showView() {
  const state = readState();
  const view = location.hash.startsWith("#doubts") ? "doubts" : "doc" in state ? "documents" : "summary";
  for (const name of ["summary", "documents", "doubts"]) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (view === "documents") showDocument(state);
  if (view === "doubts") showLabelErrors();
}

function stepDocument(by) {
  const next = matchingDocuments[matchingDocuments.indexOf(currentDocument) + by];
  if (next) changeState({ doc: makeDocumentKey(next) });
  return Boolean(next);
}

function focusNextError() {
  const errors = [...document.querySelectorAll("#fields [data-error]")];
  const place = errors.indexOf(document.querySelector("#fields .focus"));
  const focus = (cell) => {
    document.querySelector("#fields .focus")?.classList.remove("focus");
    cell.classList.add("focus");
    cell.focus();
  };
  if (errors[place + 1]) return focus(errors[place + 1]);
  const filter = getFilter(readState());
  const later = matchingDocuments.slice(matchingDocuments.indexOf(currentDocument) + 1).find((doc) => countErrors(doc, filter));
  if (!later) return;
  changeState({ doc: makeDocumentKey(later) });
  window.addEventListener("hashchange", () => { const first = document.querySelector("#fields [data-error]"); if (first) focus(first); }, { once: true });
}

const KEYS = { j: () => stepDocument(1), k: () => stepDocument(-1), ArrowRight: () => stepDocument(1), ArrowLeft: () => stepDocument(-1), e: focusNextError, "+": () => zoomPage(1.4), "-": () => zoomPage(1 / 1.4) };
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, dialog, #sheet");
  if (typing && !(event.target.id === "sheet" && event.key.length === 1) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (byId("documents").hidden || !(event.key in KEYS)) return;
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
