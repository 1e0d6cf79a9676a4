"use strict";
// The report's data, what of it fits the filters, and the table of one document's fields.
// Everything from outside becomes text nodes: nothing here ever parses it as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const translate = (text, ...values) => values.reduce((made, value) => made.replace("%s", value), data.words[text] ?? text);
const byId = (id) => document.getElementById(id);
const OUTCOMES = {
  e: ["✓", "exact"], f: ["≈", "only the format differs"], w: ["✗", "wrong"], m: ["−", "missing"],
  s: ["+", "spurious"], u: ["·", "not labelled"], n: ["·", "not in this answer"],
};
const ERROR_CODES = "wms";
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/g;
const SURROGATE_PAIRS = /[\ud800-\udbff][\udc00-\udfff]/g;

// What cannot be seen is spelled out, so that no text can hide or turn round another.
function escapeInvisible(text) {
  const spelled = (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  return text.split(SURROGATE_PAIRS).reduce((made, part, place) =>
    made + (place ? text.match(SURROGATE_PAIRS)[place - 1] : "") + part.replace(INVISIBLE, spelled), "");
}

function createNode(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function createValueNode(value) {
  if (value === null || value === undefined) return createNode("span", { class: "kind" }, translate("nothing"));
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return createNode("bdi", { class: "value" }, escapeInvisible(text));
}

const formatCandidate = (column) => `${data.candidates[column].model}@${data.candidates[column].prompt}`;
const makeDocumentKey = (doc) => `${doc.suite}/${doc.id}`;
const labelErrorKeys = new Set(data.doubts.map((each) => `${each.suite}/${each.document}\n${each.path}`));

function findColumns(doc, filter) {
  return data.candidates.map((each, column) => column)
    .filter((column) => data.candidates[column].suite === doc.suite && (!filter.model || formatCandidate(column) === filter.model));
}

function getOutcomeCode(doc, column, place) {
  const cell = doc.cells[column];
  return cell && cell.o[place] || "n";
}

// Does this result belong to what the filters ask for?
function resultMatches(doc, column, place, filter) {
  if (filter.field && data.fields[doc.fields[place]] !== filter.field) return false;
  const found = getOutcomeCode(doc, column, place);
  if (filter.outcome === "errors") return ERROR_CODES.includes(found);
  if (filter.outcome === "doubtful") return labelErrorKeys.has(`${makeDocumentKey(doc)}\n${doc.paths[place]}`);
  return !filter.outcome || found === filter.outcome;
}

function documentMatches(doc, filter) {
  if (filter.tag && !Object.entries(doc.tags).some(([key, value]) => `${key}=${value}` === filter.tag)) return false;
  if (!filter.model && !filter.field && !filter.outcome) return true;
  return findColumns(doc, filter).some((column) => filter.field || filter.outcome
    ? doc.paths.some((path, place) => resultMatches(doc, column, place, filter)) : column in doc.cells);
}

function countErrors(doc, filter) {
  const own = { ...filter, outcome: filter.outcome === "doubtful" ? "doubtful" : "errors" };
  return findColumns(doc, filter).reduce((sum, column) =>
    sum + doc.paths.filter((path, place) => resultMatches(doc, column, place, own)).length, 0);
}

function createAnswerCell(doc, column, place) {
  const found = getOutcomeCode(doc, column, place), [sign, name] = OUTCOMES[found], cell = doc.cells[column] ?? {};
  const [actual, kind] = cell.said?.[place] ?? [doc.expected[place]];
  const sure = cell.sure?.[place];
  const node = createNode("td", { class: found, "data-label": formatCandidate(column) },
    createNode("span", { class: "outcome", role: "img", "aria-label": translate(name), title: translate(name) }, sign));
  if (found !== "n" && found !== "m") node.append(createValueNode(actual));
  const told = [kind && translate(kind), sure !== undefined && `${translate("confidence")} ${Math.round(100 * sure)} %`].filter(Boolean);
  if (told.length) node.append(createNode("span", { class: "kind" }, told.join(", ")));
  if (ERROR_CODES.includes(found)) { node.dataset.error = ""; node.tabIndex = -1; }
  return node;
}

function createHeaderCell(doc, column) {
  const cell = doc.cells[column], { model, prompt } = data.candidates[column], status = translate(cell.status.replace("_", " "));
  const told = cell.seconds ? `${status}, ${translate("in %s s", cell.seconds.toPrecision(3))}` : status;
  const node = createNode("th", { scope: "col" }, model, createNode("br"), createNode("small", {}, prompt), createNode("span", { class: "kind" }, told));
  if (cell.why) node.append(createNode("span", { class: "kind" }, escapeInvisible(cell.why)));
  node.append(createTextsButton(column));
  return node;
}

// Who gave nothing that could be judged has a line below the table, not a column in it.
function createUnansweredList(doc, columns) {
  const items = columns.map((column) => {
    const cell = doc.cells[column], status = translate((cell ? cell.status : "not run").replace("_", " "));
    const told = `${formatCandidate(column)}: ${[status, cell?.why].filter(Boolean).join(": ")} `;
    return createNode("li", {}, escapeInvisible(told), cell && createTextsButton(column));
  });
  return createNode("div", { class: "silent" }, createNode("h3", {}, translate("Not simply answered")), createNode("ul", {}, ...items));
}

function createTextsButton(column) {
  const button = createNode("button", { type: "button", "data-column": column }, translate("Reply and prompt"));
  button.setAttribute("aria-label", `${translate("Reply and prompt")}: ${data.candidates[column].model} ${data.candidates[column].prompt}`);
  return button;
}

function createAnswerNodes(doc, filter) {
  const columns = findColumns(doc, filter), judged = columns.filter((column) => /[^n]/.test(doc.cells[column]?.o ?? ""));
  const silent = columns.filter((column) => !judged.includes(column));
  return [judged.length ? createFieldTable(doc, filter, judged) : null, silent.length ? createUnansweredList(doc, silent) : null].filter(Boolean);
}

function createFieldTable(doc, filter, columns) {
  const places = doc.paths.map((path, place) => place).filter((place) => (!filter.field && !filter.outcome)
    || columns.some((column) => resultMatches(doc, column, place, filter)));
  const head = createNode("tr", {}, createNode("th", { scope: "col" }, translate("field")), createNode("th", { scope: "col" }, translate("expected")),
    ...columns.map((column) => createHeaderCell(doc, column)));
  const body = createNode("tbody");
  for (const place of places) {
    const parts = escapeInvisible(doc.paths[place]).split(/(?<=[._\]])/);
    const path = createNode("th", { scope: "row" }, ...parts.flatMap((part, number) => number ? [createNode("wbr"), part] : [part]));
    if (labelErrorKeys.has(`${makeDocumentKey(doc)}\n${doc.paths[place]}`)) path.append(createNode("span", { class: "kind" }, `⚠ ${translate("doubtful reference")}`));
    body.append(createNode("tr", {}, path, createNode("td", { "data-label": translate("expected") }, createValueNode(doc.expected[place])),
      ...columns.map((column) => createAnswerCell(doc, column, place))));
  }
  return createNode("table", { class: "fields" }, createNode("thead", {}, head), body);
}
