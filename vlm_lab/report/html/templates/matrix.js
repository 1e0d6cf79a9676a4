// Documents x candidates: right, how many fields are wrong, or not answered. A cell leads to the document.
const MATRIX_ROWS = 200;

// Errors of one answer; null where there is no answer, undefined where nothing was judged: an answer that is the
// reference itself is not.
function countCellErrors(cell) {
  if (!cell || cell.status === "error" || cell.status === "skipped") return null;
  if (cell.own_reference) return undefined;
  if (!/[^nu]/.test(cell.outcomes)) return cell.status === "ok" ? undefined : null;
  return [...cell.outcomes].filter((code) => ERROR_CODES.includes(code)).length;
}

// Which fields are right says whether candidates differ: two may be wrong in as many, but in others.
function differ(doc, columns) {
  const describe = (column) => doc.paths.map((path, row) => {
    const code = getOutcomeCode(doc, column, row);
    return ERROR_CODES.includes(code) || code === ABSENT_CODE ? code : "e";
  }).join("");
  return new Set(columns.map(describe)).size > 1;
}

function describeMatrixCell(errors, cell) {
  if (errors === null) return ["−", formatStatus(cell?.status ?? "not run"), "m"];
  if (errors === undefined) return ["·", translate("not judged"), "n"];
  return errors ? [`✗ ${errors}`, translate("fields wrong: %s", errors), "w"] : ["✓", translate("all right"), "e"];
}

function createMatrixCell(doc, column) {
  const cell = doc.cells[column], errors = countCellErrors(cell);
  const [sign, label, kind] = describeMatrixCell(errors, cell);
  const state = { doc: makeDocumentKey(doc), model: formatCandidate(column), ...(errors ? { outcome: "errors" } : {}) };
  const text = `${doc.name}, ${formatCandidate(column)}: ${label}`;
  const link = createNode("a", { href: `#${new URLSearchParams(state)}`, title: label, "aria-label": escapeInvisible(text) },
    createNode("span", { class: "outcome" }, sign));
  return createNode("td", { class: kind, "data-sort": errors ?? (errors === null ? 1e6 : "") }, link);
}

function createMatrixRow(doc, columns) {
  const counts = columns.map((column) => countCellErrors(doc.cells[column])).filter(Number.isInteger);
  const total = counts.length ? counts.reduce((sum, count) => sum + count) : "·";  // none of them was judged
  const link = createNode("a", { href: `#doc=${encodeURIComponent(makeDocumentKey(doc))}` }, escapeInvisible(doc.name));
  return createNode("tr", {},
    createNode("th", { scope: "row", "data-sort": escapeInvisible(doc.name) }, link),
    ...columns.map((column) => createMatrixCell(doc, column)),
    createNode("td", { class: "figure", "data-sort": counts.length ? total : "" }, String(total)));
}

function createMatrixTable(docs, columns) {
  const head = createNode("tr", {},
    createNode("th", { scope: "col" }, translate("document")),
    ...columns.map((column) => createNode("th", { scope: "col" },
      data.candidates[column].model, createNode("small", {}, ` ${data.candidates[column].prompt}`))),
    createNode("th", { scope: "col" }, translate("errors in all")));
  const table = createNode("table", {}, createNode("thead", {}, head),
    createNode("tbody", {}, ...docs.map((doc) => createMatrixRow(doc, columns))));
  makeSortable(table);
  return table;
}

function showMatrix(container) {
  const suiteDocs = data.documents.filter((doc) => doc.suite === container.dataset.suite);
  const isOfSuite = (column) => data.candidates[column].suite === container.dataset.suite;
  const hasAnswers = (column) => suiteDocs.some((doc) => doc.cells[column] && doc.cells[column].status !== "skipped");
  const columns = [...data.candidates.keys()].filter((column) => isOfSuite(column) && hasAnswers(column));
  const search = createNode("input", { type: "search" }), differing = createNode("input", { type: "checkbox" });
  const count = createNode("span", { class: "note", role: "status" });
  const table = createNode("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": translate("Document by document") });
  const more = createNode("button", { type: "button" });
  let limit = MATRIX_ROWS;
  const fits = (doc) => `${doc.name} ${formatTags(doc).join(" ")}`.toLowerCase().includes(search.value.toLowerCase())
    && (!differing.checked || differ(doc, columns));
  const show = () => {
    const docs = suiteDocs.filter(fits);
    count.textContent = docs.length ? translate("%s of %s documents", docs.length, suiteDocs.length)
      : translate("No document fits these filters.");
    table.replaceChildren(createMatrixTable(docs.slice(0, limit), columns));
    more.hidden = docs.length <= limit;
    more.textContent = translate("show all %s", docs.length);
  };
  search.oninput = differing.onchange = show;
  more.onclick = () => { limit = Infinity; show(); };
  container.replaceChildren(
    createNode("div", { class: "filters" },
      createNode("label", { class: "wide" }, translate("Search documents"), search),
      createNode("label", { class: "check" }, differing, ` ${translate("only where candidates differ")}`), count),
    table, more);
  show();
}

for (const container of document.querySelectorAll(".matrix")) showMatrix(container);
