"use strict";
// The report's data, what of it fits the filters, and the table of one document's fields.
// Everything from outside becomes text nodes: nothing here ever parses it as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const word = (text, ...values) => values.reduce((made, value) => made.replace("%s", value), data.words[text] ?? text);
const byId = (id) => document.getElementById(id);
const OUTCOMES = {
  e: ["✓", "exact"], f: ["≈", "only the format differs"], w: ["✗", "wrong"], m: ["−", "missing"],
  s: ["+", "spurious"], u: ["·", "not labelled"], n: ["·", "not in this answer"],
};
const ERRORS = "wms";
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/g;
const PAIRS = /[\ud800-\udbff][\udc00-\udfff]/g;

// What cannot be seen is spelled out, so that no text can hide or turn round another.
function visible(text) {
  const spelled = (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  return text.split(PAIRS).reduce((made, part, place) =>
    made + (place ? text.match(PAIRS)[place - 1] : "") + part.replace(INVISIBLE, spelled), "");
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function valueNode(value) {
  if (value === null || value === undefined) return make("span", { class: "kind" }, word("nothing"));
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return make("bdi", { class: "value" }, visible(text));
}

const candidateName = (column) => `${data.candidates[column].model}@${data.candidates[column].prompt}`;
const documentKey = (doc) => `${doc.suite}/${doc.id}`;
const doubtful = new Set(data.doubts.map((each) => `${each.suite}/${each.document}\n${each.path}`));

function columnsOf(doc, filter) {
  return data.candidates.map((each, column) => column)
    .filter((column) => data.candidates[column].suite === doc.suite && (!filter.model || candidateName(column) === filter.model));
}

function letter(doc, column, place) {
  const cell = doc.cells[column];
  return cell && cell.o[place] || "n";
}

// Does this result belong to what the filters ask for?
function fits(doc, column, place, filter) {
  if (filter.field && data.fields[doc.fields[place]] !== filter.field) return false;
  const found = letter(doc, column, place);
  if (filter.outcome === "errors") return ERRORS.includes(found);
  if (filter.outcome === "doubtful") return doubtful.has(`${documentKey(doc)}\n${doc.paths[place]}`);
  return !filter.outcome || found === filter.outcome;
}

function matches(doc, filter) {
  if (filter.tag && !Object.entries(doc.tags).some(([key, value]) => `${key}=${value}` === filter.tag)) return false;
  if (!filter.model && !filter.field && !filter.outcome) return true;
  return columnsOf(doc, filter).some((column) => filter.field || filter.outcome
    ? doc.paths.some((path, place) => fits(doc, column, place, filter)) : column in doc.cells);
}

function errorCount(doc, filter) {
  const own = { ...filter, outcome: filter.outcome === "doubtful" ? "doubtful" : "errors" };
  return columnsOf(doc, filter).reduce((sum, column) =>
    sum + doc.paths.filter((path, place) => fits(doc, column, place, own)).length, 0);
}

function answerCell(doc, column, place) {
  const found = letter(doc, column, place), [sign, name] = OUTCOMES[found], cell = doc.cells[column] ?? {};
  const [actual, kind] = cell.said?.[place] ?? [doc.expected[place]];
  const sure = cell.sure?.[place];
  const node = make("td", { class: found, "data-label": candidateName(column) },
    make("span", { class: "outcome", role: "img", "aria-label": word(name), title: word(name) }, sign));
  if (found !== "n" && found !== "m") node.append(valueNode(actual));
  const told = [kind && word(kind), sure !== undefined && `${word("confidence")} ${Math.round(100 * sure)} %`].filter(Boolean);
  if (told.length) node.append(make("span", { class: "kind" }, told.join(", ")));
  if (ERRORS.includes(found)) { node.dataset.error = ""; node.tabIndex = -1; }
  return node;
}

function headCell(doc, column) {
  const cell = doc.cells[column], { model, prompt } = data.candidates[column], status = word(cell.status.replace("_", " "));
  const told = cell.seconds ? `${status}, ${word("in %s s", cell.seconds.toPrecision(3))}` : status;
  const node = make("th", { scope: "col" }, model, make("br"), make("small", {}, prompt), make("span", { class: "kind" }, told));
  if (cell.why) node.append(make("span", { class: "kind" }, visible(cell.why)));
  node.append(textsButton(column));
  return node;
}

// Who gave nothing that could be judged has a line below the table, not a column in it.
function silentList(doc, columns) {
  const items = columns.map((column) => {
    const cell = doc.cells[column], status = word((cell ? cell.status : "not run").replace("_", " "));
    const told = `${candidateName(column)}: ${[status, cell?.why].filter(Boolean).join(": ")} `;
    return make("li", {}, visible(told), cell && textsButton(column));
  });
  return make("div", { class: "silent" }, make("h3", {}, word("Not simply answered")), make("ul", {}, ...items));
}

function textsButton(column) {
  const button = make("button", { type: "button", "data-column": column }, word("Reply and prompt"));
  button.setAttribute("aria-label", `${word("Reply and prompt")}: ${data.candidates[column].model} ${data.candidates[column].prompt}`);
  return button;
}

function answersOf(doc, filter) {
  const columns = columnsOf(doc, filter), judged = columns.filter((column) => /[^n]/.test(doc.cells[column]?.o ?? ""));
  const silent = columns.filter((column) => !judged.includes(column));
  return [judged.length ? fieldTable(doc, filter, judged) : null, silent.length ? silentList(doc, silent) : null].filter(Boolean);
}

function fieldTable(doc, filter, columns) {
  const places = doc.paths.map((path, place) => place).filter((place) => (!filter.field && !filter.outcome)
    || columns.some((column) => fits(doc, column, place, filter)));
  const head = make("tr", {}, make("th", { scope: "col" }, word("field")), make("th", { scope: "col" }, word("expected")),
    ...columns.map((column) => headCell(doc, column)));
  const body = make("tbody");
  for (const place of places) {
    const parts = visible(doc.paths[place]).split(/(?<=[._\]])/);
    const path = make("th", { scope: "row" }, ...parts.flatMap((part, number) => number ? [make("wbr"), part] : [part]));
    if (doubtful.has(`${documentKey(doc)}\n${doc.paths[place]}`)) path.append(make("span", { class: "kind" }, `⚠ ${word("doubtful reference")}`));
    body.append(make("tr", {}, path, make("td", { "data-label": word("expected") }, valueNode(doc.expected[place])),
      ...columns.map((column) => answerCell(doc, column, place))));
  }
  return make("table", { class: "fields" }, make("thead", {}, head), body);
}
