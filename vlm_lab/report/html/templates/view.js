// Which view is open, which document and which filters: the address's fragment says it all, so a link can be shared.
const FILTERS = ["model", "field", "outcome", "tag"];
const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const filterOf = (state) => Object.fromEntries(FILTERS.map((name) => [name, state[name] ?? ""]));
let found = [], current = null;

function go(change) {
  const state = { ...read(), ...change };
  const kept = ["doc", ...FILTERS].filter((name) => name === "doc" || state[name]);
  location.hash = kept.map((name) => `${name}=${encodeURIComponent(state[name] ?? "")}`).join("&");
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => {
    const option = make("option", { value }, text);
    option.selected = value === chosen;
    return option;
  }));
}

const once = (values) => [...new Set(values)].sort();
const allFields = once(data.fields);
const allTags = once(data.documents.flatMap((doc) => Object.entries(doc.tags).map(([key, value]) => `${key}=${value}`)));

function showFilters(filter) {
  const plain = (values) => values.map((value) => [value, visible(value)]);
  fill(byId("filter-model"), [["", word("all")], ...plain(once(data.candidates.map((each, column) => candidateName(column))))], filter.model);
  fill(byId("filter-field"), [["", word("all")], ...plain(allFields)], filter.field);
  fill(byId("filter-tag"), [["", word("any")], ...plain(allTags)], filter.tag);
  const outcomes = Object.entries(OUTCOMES).filter(([key]) => key !== "n").map(([key, [sign, name]]) => [key, `${sign} ${word(name)}`]);
  fill(byId("filter-outcome"), [["", word("any")], ["errors", word("errors")], ["doubtful", word("doubtful reference")], ...outcomes], filter.outcome);
}

function showDocument(state) {
  const filter = filterOf(state);
  found = data.documents.filter((doc) => matches(doc, filter));
  const doc = found.find((each) => documentKey(each) === state.doc) ?? found[0];
  showFilters(filter);
  fill(byId("jump"), found.map((each) => [documentKey(each), `${visible(each.name)} (${errorCount(each, filter)})`]), doc && documentKey(doc));
  byId("count").textContent = found.length ? word("%s of %s documents", found.length, data.documents.length) : word("No document fits these filters.");
  const changed = doc !== current;
  current = doc ?? null;
  document.querySelector(".document").hidden = !doc;
  if (!doc) return;
  byId("document-name").textContent = visible(doc.name);
  byId("document-tags").textContent = visible(Object.entries(doc.tags).map(([key, value]) => `${key}=${value}`).join(", "));
  byId("own-doubts").replaceChildren(...data.doubts.filter((each) => `${each.suite}/${each.document}` === documentKey(doc)).map(doubtNode));
  const within = byId("fields").contains(document.activeElement);
  byId("fields").replaceChildren(...answersOf(doc, filter));
  if (within) byId("fields").focus({ preventScroll: true }); // what had the focus is gone: the next Tab goes on from here
  if (changed || paper.doc !== doc) showPage(doc, 0);
}

function show() {
  const state = read();
  const view = location.hash.startsWith("#doubts") ? "doubts" : "doc" in state ? "documents" : "summary";
  for (const name of ["summary", "documents", "doubts"]) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (view === "documents") showDocument(state);
  if (view === "doubts") showDoubts();
}

function step(by) {
  const next = found[found.indexOf(current) + by];
  if (next) go({ doc: documentKey(next) });
  return Boolean(next);
}

function nextError() {
  const errors = [...document.querySelectorAll("#fields [data-error]")];
  const place = errors.indexOf(document.querySelector("#fields .focus"));
  const focus = (cell) => {
    document.querySelector("#fields .focus")?.classList.remove("focus");
    cell.classList.add("focus");
    cell.focus();
  };
  if (errors[place + 1]) return focus(errors[place + 1]);
  const filter = filterOf(read());
  const later = found.slice(found.indexOf(current) + 1).find((doc) => errorCount(doc, filter));
  if (!later) return;
  go({ doc: documentKey(later) });
  window.addEventListener("hashchange", () => { const first = document.querySelector("#fields [data-error]"); if (first) focus(first); }, { once: true });
}

const KEYS = { j: () => step(1), k: () => step(-1), ArrowRight: () => step(1), ArrowLeft: () => step(-1), e: nextError, "+": () => zoom(1.4), "-": () => zoom(1 / 1.4) };
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, dialog, #sheet");
  if (typing && !(event.target.id === "sheet" && event.key.length === 1) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (byId("documents").hidden || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});
for (const name of FILTERS) byId(`filter-${name}`).onchange = (event) => go({ [name]: event.target.value });
byId("jump").onchange = (event) => go({ doc: event.target.value });
byId("previous").onclick = () => step(-1);
byId("next").onclick = () => step(1);
byId("next-error").onclick = nextError;
window.addEventListener("hashchange", show);
show();
