// What of the report's data fits the filters, and the table of one document's fields.
const OUTCOMES = {
  e: ["✓", "exact"], f: ["≈", "only the format differs"], w: ["✗", "wrong"], m: ["−", "missing"],
  s: ["+", "spurious"], u: ["·", "not labelled"], n: ["·", "not in this answer"],
};
const ABSENT_CODE = "n";
const ERROR_CODES = "wms";
const CODES_WITHOUT_VALUE = "nm";
const secondsFormat = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 3 });

const formatCandidate = (column) => `${data.candidates[column].model}@${data.candidates[column].prompt}`;
const formatStatus = (status) => translate(status.replace("_", " "));
const formatTags = (doc) => Object.entries(doc.tags).map(([name, value]) => `${name}=${value}`);
const makeDocumentKey = (doc) => `${doc.suite}/${doc.id}`;
const makeFieldKey = (documentKey, path) => `${documentKey}\n${path}`;
const getErrorDocumentKey = (labelError) => `${labelError.suite}/${labelError.document}`;
const makeErrorKey = (labelError) => makeFieldKey(getErrorDocumentKey(labelError), labelError.path);
const labelErrorKeys = new Set(data.label_errors.map(makeErrorKey));
const hasLabelError = (doc, row) => labelErrorKeys.has(makeFieldKey(makeDocumentKey(doc), doc.paths[row]));

// The candidates of the document's suite that the filter asks for, as their columns.
function findColumns(doc, filter) {
  const fitsFilter = (column) => data.candidates[column].suite === doc.suite
    && (!filter.model || formatCandidate(column) === filter.model);
  return [...data.candidates.keys()].filter(fitsFilter);
}

const getOutcomeCode = (doc, column, row) => doc.cells[column]?.outcomes[row] ?? ABSENT_CODE;

// Does this result belong to what the filters ask for?
function resultMatches(doc, column, row, filter) {
  if (filter.field && data.fields[doc.fields[row]] !== filter.field) return false;
  const code = getOutcomeCode(doc, column, row);
  if (filter.outcome === "errors") return ERROR_CODES.includes(code);
  if (filter.outcome === "doubtful") return hasLabelError(doc, row);
  return !filter.outcome || code === filter.outcome;
}

function documentMatches(doc, filter) {
  if (filter.tag && !formatTags(doc).includes(filter.tag)) return false;
  if (!filter.model && !filter.field && !filter.outcome) return true;
  const hasMatch = (column) => doc.paths.some((path, row) => resultMatches(doc, column, row, filter));
  const columnMatches = filter.field || filter.outcome ? hasMatch : (column) => column in doc.cells;
  return findColumns(doc, filter).some(columnMatches);
}

function countErrors(doc, filter) {
  const errorFilter = { ...filter, outcome: filter.outcome === "doubtful" ? "doubtful" : "errors" };
  const countInColumn = (column) =>
    doc.paths.filter((path, row) => resultMatches(doc, column, row, errorFilter)).length;
  return findColumns(doc, filter).reduce((total, column) => total + countInColumn(column), 0);
}

function createAnswerCell(doc, column, row) {
  const code = getOutcomeCode(doc, column, row);
  const [sign, name] = OUTCOMES[code];
  const cell = doc.cells[column];
  const isExpected = !cell?.predictions?.[row];
  const [prediction, errorType] = cell?.predictions?.[row] ?? [doc.expected[row]];
  const confidence = cell?.confidences?.[row];
  const label = translate(name);
  const node = createNode("td", { class: code, "data-label": formatCandidate(column) },
    createNode("span", { class: "outcome", role: "img", "aria-label": label, title: label }, sign));
  if (!CODES_WITHOUT_VALUE.includes(code)) {
    const length = isExpected ? doc.lengths[row] : cell.lengths?.[row];
    node.append(createValueNode(prediction, length, () => loadValue(doc, isExpected ? "expected" : column, row)));
  }
  const details = [];
  if (errorType) details.push(translate(errorType));
  if (confidence !== undefined) details.push(`${translate("confidence")} ${Math.round(100 * confidence)} %`);
  if (details.length) node.append(createDetailNode(details.join(", ")));
  if (ERROR_CODES.includes(code)) { node.dataset.error = ""; node.tabIndex = -1; }
  return node;
}

function createHeaderCell(doc, column) {
  const { status, seconds, reason } = doc.cells[column];
  const { model, prompt } = data.candidates[column];
  const details = [formatStatus(status)];
  if (seconds) details.push(translate("in %s s", secondsFormat.format(seconds)));
  return createNode("th", { scope: "col" },
    model, createNode("br"), createNode("small", {}, prompt),
    createDetailNode(details.join(", ")),
    reason ? createDetailNode(escapeInvisible(reason)) : null,
    createTextsButton(column));
}

// Who gave nothing that could be judged has a line below the table, not a column in it.
function createUnansweredList(doc, columns) {
  const items = columns.map((column) => {
    const cell = doc.cells[column];
    const parts = [formatCandidate(column), formatStatus(cell?.status ?? "not run"), cell?.reason];
    const line = escapeInvisible(`${parts.filter(Boolean).join(": ")} `);
    return createNode("li", {}, line, cell ? createTextsButton(column) : null);
  });
  return createNode("div", { class: "unanswered" },
    createNode("h3", {}, translate("Not simply answered")), createNode("ul", {}, ...items));
}

function createTextsButton(column) {
  const { model, prompt } = data.candidates[column];
  const label = translate("Reply and prompt");
  const attributes = { type: "button", "data-column": column, "aria-label": `${label}: ${model} ${prompt}` };
  return createNode("button", attributes, label);
}

function createAnswerNodes(doc, filter) {
  const columns = findColumns(doc, filter);
  const isJudged = (column) => /[^n]/.test(doc.cells[column]?.outcomes ?? "");
  const judged = columns.filter(isJudged);
  const unanswered = columns.filter((column) => !isJudged(column));
  const nodes = [];
  if (judged.length) nodes.push(createFieldTable(doc, filter, judged));
  if (unanswered.length) nodes.push(createUnansweredList(doc, unanswered));
  return nodes;
}

function createFieldTable(doc, filter, columns) {
  const showsAll = !filter.field && !filter.outcome;
  const rowMatches = (row) => columns.some((column) => resultMatches(doc, column, row, filter));
  const rows = [...doc.paths.keys()].filter((row) => showsAll || rowMatches(row));
  const head = createNode("tr", {},
    createNode("th", { scope: "col" }, translate("field")),
    createNode("th", { scope: "col" }, translate("expected")),
    ...columns.map((column) => createHeaderCell(doc, column)));
  const body = rows.map((row) => createNode("tr", { "data-row": row },
    createPathCell(doc, row),
    createNode("td", { "data-label": translate("expected") }, createExpectedNode(doc, row)),
    ...columns.map((column) => createAnswerCell(doc, column, row))));
  return createNode("table", { class: "fields" },
    createNode("thead", {}, head), createNode("tbody", {}, ...body));
}

const createExpectedNode = (doc, row) =>
  createValueNode(doc.expected[row], doc.lengths[row], () => loadValue(doc, "expected", row));

function createPathCell(doc, row) {
  const parts = escapeInvisible(doc.paths[row]).split(/(?<=[._\]])/);
  const breakable = parts.flatMap((part, index) => index ? [createNode("wbr"), part] : [part]);
  const mark = hasLabelError(doc, row) ? createDetailNode(`⚠ ${translate("doubtful reference")}`) : null;
  const place = doc.places?.[row]
    ? createNode("button", { type: "button", "data-row": row, "aria-label": `${translate("Place on the page")}: ${escapeInvisible(doc.paths[row])}` }, "□")
    : null;
  return createNode("th", { scope: "row" }, ...breakable, mark, place);
}
