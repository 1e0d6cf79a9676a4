// The documents, one at a time, and the suite's file: every decision is sent at once, with the version that was seen.
const fileState = { version: "", entries: [] };
let currentDocument = null, currentRows = [], lastSave = Promise.resolve();

const findEntry = (documentId, path) =>
  fileState.entries.find((entry) => entry.document === documentId && entry.path === path);
const isOpen = (documentId, path) => !findEntry(documentId, path)?.verdict;
const listOpen = (doc) => doc.doubtful.filter((path) => isOpen(doc.id, path));

function takeEntries({ version, entries }) {
  Object.assign(fileState, { version, entries });
  showProgress();
}

function showProgress() {
  const total = data.documents.reduce((sum, doc) => sum + doc.doubtful.length, 0);
  const open = data.documents.reduce((sum, doc) => sum + listOpen(doc).length, 0);
  byId("progress").textContent = translate("%s of %s doubtful values decided", total - open, total);
  for (const [index, option] of [...byId("jump").options].entries()) {
    const doc = data.documents[index], openCount = listOpen(doc).length;
    option.textContent = escapeInvisible(doc.name) + (openCount ? ` (${translate("%s open", openCount)})` : "");
  }
}

// One after the other: what the second says of the file's version, the first has changed.
function save(documentId, row, decision) {
  lastSave = lastSave.then(() => sendDecision(documentId, row, decision));
}

async function sendDecision(documentId, row, decision) {
  if (lacksValue(decision)) return;
  const values = makeEntryValues(decision, row.reference);
  const entry = findEntry(documentId, row.path);
  const isSame = values.verdict === (entry?.verdict ?? "")
    && (values.verdict === "" || JSON.stringify(values.right) === JSON.stringify(entry.right));
  if (isSame) return;
  const answer = await ask("corrections", {
    document: documentId, path: row.path, ...values, decided_by: byId("decided-by").value, version: fileState.version,
  });
  if (answer === null) return;
  if (answer.entries) takeEntries(answer);
  if (answer.ok) {
    showMessage(`${row.path}: ${values.verdict ? translate("Saved into the suite's file.") : translate("Taken back.")}`);
    updateRows();
  } else if (answer.entries) {
    showRows();
    showMessage(translate("The file was changed elsewhere. It was read again: look, and decide again."), true);
  } else showMessage(translate("Not saved: %s", answer.error), true);
}

function updateRows() {
  for (const { row, update } of currentRows) update(findEntry(currentDocument.id, row.path));
}

const SHOWN = {
  all: () => true,
  doubtful: (row) => row.reasons.length > 0,
  differing: (row) => countDiffering(row) > 0,
  decided: (row, entry) => Boolean(entry?.verdict),
};

function showRows() {
  const { doc, id, hasReference } = currentDocument;
  const isShown = (row) => SHOWN[byId("shown").value](row, findEntry(id, row.path));
  const shown = doc.rows.filter(isShown);
  const isDoubtful = (row) => row.reasons.length > 0;
  const sorted = [...shown.filter(isDoubtful), ...shown.filter((row) => !isDoubtful(row))];
  currentRows = sorted.map((row) =>
    createRowNode(row, findEntry(id, row.path), hasReference, (decision) => save(id, row, decision)));
  const nothing = createNode("p", { class: "note" }, translate("No value here fits."));
  byId("rows").replaceChildren(...(currentRows.length ? currentRows.map(({ node }) => node) : [nothing]));
}

function showNotes({ doc, hasReference }) {
  const notes = Object.entries(doc.failures).map(([candidate, reason]) =>
    translate("%s: not answered (%s)", candidate, reason));
  notes.push(...Object.entries(doc.extra_rows).map(([candidate, count]) =>
    translate("%s: rows that the reference lacks: %s. Add them in the reference's own file.", candidate, count)));
  if (!hasReference) notes.push(translate("This document has no reference: there is nothing to correct."));
  byId("document-notes").replaceChildren(...notes.map((note) => createNode("li", {}, escapeInvisible(note))));
}

async function showDocument(index) {
  const { id, name, has_reference: hasReference } = data.documents[index];
  const doc = await ask(`documents/${encodeURIComponent(id)}`);
  if (!doc?.ok) return doc && showMessage(doc.error, true);
  currentDocument = { index, id, doc, hasReference };
  location.replace(`#doc=${encodeURIComponent(id)}`);
  byId("jump").selectedIndex = index;
  byId("document-name").textContent = escapeInvisible(name);
  byId("previous").disabled = index === 0;
  byId("next").disabled = index === data.documents.length - 1;
  showNotes(currentDocument);
  showRows();
  showPage(doc, 0);
}

const stepDocument = (step) => {
  const index = currentDocument.index + step;
  if (index >= 0 && index < data.documents.length) { showMessage(""); showDocument(index); }
};

function focusRow(entry) {
  entry.node.open = true;
  entry.summary.focus();
  entry.node.scrollIntoView({ block: "nearest" });
}

// The next doubtful value nobody has decided about: behind the one that has the focus, then in the documents after it.
async function focusNextOpen() {
  await lastSave;
  const isOpenRow = ({ row }) => row.reasons.length > 0 && isOpen(currentDocument.id, row.path);
  const place = currentRows.findIndex(({ node }) => node.contains(document.activeElement));
  const inDocument = currentRows.slice(place + 1).find(isOpenRow) ?? null;
  if (inDocument) return focusRow(inDocument);
  const count = data.documents.length;
  for (let step = 1; step <= count; step += 1) {
    const index = (currentDocument.index + step) % count;
    if (listOpen(data.documents[index]).length === 0) continue;
    if (!SHOWN[byId("shown").value]({ reasons: ["open"], answers: [] }, null)) byId("shown").value = "all";
    await showDocument(index);
    const first = currentRows.find(isOpenRow);
    return first && focusRow(first);
  }
  showMessage(translate("All doubtful values are decided."));
}

function stepRow(step) {
  const place = currentRows.findIndex(({ node }) => node.contains(document.activeElement));
  const next = currentRows[place + step];
  if (place < 0 && step < 0 || !next) return;
  next.summary.focus();
}

const KEYS = {
  j: () => stepDocument(1), k: () => stepDocument(-1), n: focusNextOpen,
  ArrowDown: () => stepRow(1), ArrowUp: () => stepRow(-1),
  "+": () => zoomPage(ZOOM_STEP), "-": () => zoomPage(1 / ZOOM_STEP),
};
document.addEventListener("keydown", (event) => {
  if (!(event.key in KEYS) || hasModifier(event) || isTyping(event) || currentDocument === null) return;
  // The page image, and a page without a chosen value, scroll by the arrows.
  const isArrow = event.key.startsWith("Arrow");
  if (isArrow && !byId("rows").contains(document.activeElement)) return;
  event.preventDefault();
  KEYS[event.key]();
});

function readName() {
  try { return localStorage.getItem(NAME_KEY) ?? data.user; } catch { return data.user; }
}

keepName(byId("decided-by"));
byId("previous").onclick = () => stepDocument(-1);
byId("next").onclick = () => stepDocument(1);
byId("next-open").onclick = focusNextOpen;
byId("shown").onchange = showRows;
byId("jump").onchange = (event) => showDocument(event.target.selectedIndex);
byId("jump").replaceChildren(...data.documents.map((doc) => createNode("option", { value: doc.id }, escapeInvisible(doc.name))));

async function start() {
  const entries = await ask("corrections");
  if (!entries?.ok) return entries && showMessage(entries.error, true);
  takeEntries(entries);
  const wanted = new URLSearchParams(location.hash.slice(1)).get("doc");
  const named = data.documents.findIndex((doc) => doc.id === wanted);
  const open = data.documents.findIndex((doc) => listOpen(doc).length > 0);
  const first = [named, open, 0].find((index) => index >= 0);
  if (data.documents.length) await showDocument(first);
}
start();
