// Suspect references: one decision each, kept in this browser until corrections.json is downloaded. What stood in
// the suite's file when this page was written is shown as decided, and is in the file that is handed out.
const STORAGE_KEY = `vlm-lab ${data.run}`;
const NAME_KEY = "vlm-lab decided by";
const newDecisions = readStorage(STORAGE_KEY) ?? {};

function readStorage(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}

// A browser that keeps nothing: the page still does.
function writeStorage(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch {}
}

const isEntryOf = (labelError) => {
  const doc = data.documents.find((each) => makeDocumentKey(each) === getErrorDocumentKey(labelError));
  const names = [labelError.document, doc?.name];
  return (entry) => names.includes(entry.document) && entry.path === labelError.path;
};
const findSavedEntry = (labelError) => (data.saved_entries[labelError.suite] ?? []).find(isEntryOf(labelError));

// The later one of what was decided here and what the file says.
function findNewDecision(labelError) {
  const decision = newDecisions[makeErrorKey(labelError)];
  const savedTime = findSavedEntry(labelError)?.decided_at ?? "";
  return decision && (decision.decided_at ?? "") >= savedTime ? { ...NO_DECISION, ...decision } : null;
}

function getDecision(labelError) {
  const decision = findNewDecision(labelError);
  if (decision) return decision;
  const entry = findSavedEntry(labelError);
  if (entry?.verdict) return { ...readEntry(entry), decided_by: entry.decided_by, decided_at: entry.decided_at };
  return { ...NO_DECISION, right: formatValue(labelError.agreed) };
}

function saveDecision(labelError, decision) {
  const change = { decided_by: byId("decided-by").value, decided_at: new Date().toISOString() };
  newDecisions[makeErrorKey(labelError)] = { ...decision, ...change };
  writeStorage(STORAGE_KEY, newDecisions);
  showDecidedCount();
}

function createErrorNode(labelError) {
  const decision = getDecision(labelError);
  const state = createNode("span", { class: "detail" });
  const showState = () => {
    const current = getDecision(labelError);
    node.classList.toggle("decided", isDecided(current));
    state.textContent = isDecided(current)
      ? [translate("decided"), escapeInvisible(describeDecider(current))].filter(Boolean).join(": ") : "";
  };
  const save = (newDecision) => { saveDecision(labelError, newDecision); showState(); };
  const form = createDecisionForm(decision, save, (draft) => { if (draft.verdict) save(draft); });
  const documentKey = getErrorDocumentKey(labelError);
  const link = createNode("a",
    { href: `#doc=${encodeURIComponent(documentKey)}&outcome=doubtful` }, labelError.document);
  const predictions = Object.entries(labelError.said).map(([candidate, prediction]) =>
    createNode("p", {}, `${candidate}: `, createValueNode(prediction)));
  const name = escapeInvisible(`${labelError.document} ${labelError.path}`);
  const node = createNode("div", { class: "label-error", tabindex: "0", role: "group", "aria-label": name },
    createNode("p", {}, createNode("strong", {}, escapeInvisible(labelError.path)), " ", link),
    createNode("p", {}, `${translate("Reference")}: `, createValueNode(labelError.reference)),
    ...predictions,
    createNode("p", { class: "detail" }, escapeInvisible(labelError.reasons.join("; "))),
    form.node, state);
  node.onkeydown = (event) => pressOnKey(form, event);
  showState();
  return node;
}

// The entries of a suite's file with what was decided here; what is not decided is there to be filled in.
function buildCorrections(suite) {
  const merged = (data.saved_entries[suite] ?? []).map((entry) => ({ ...entry }));
  for (const labelError of data.label_errors.filter((each) => each.suite === suite)) {
    const { suite: _, reasons, agreed, ...openEntry } = labelError;
    const index = merged.findIndex(isEntryOf(labelError));
    const decision = findNewDecision(labelError);
    if (!decision) {
      if (index < 0) merged.push(openEntry);
      continue;
    }
    const { decided_by, decided_at } = decision;
    const values = makeEntryValues(isDecided(decision) ? decision : NO_DECISION, labelError.reference);
    const change = { ...values, ...(decided_by ? { decided_by } : {}), decided_at };
    if (index < 0) merged.push({ ...openEntry, ...change });
    else merged[index] = { ...merged[index], ...change };
  }
  return merged;
}

function showDecidedCount() {
  const decided = data.label_errors.filter((labelError) => isDecided(getDecision(labelError)));
  byId("decided-count").textContent = translate("%s of %s decided", decided.length, data.label_errors.length);
}

function showLabelErrors() {
  byId("label-error-list").replaceChildren(...data.label_errors.map(createErrorNode));
  showDecidedCount();
}

function downloadCorrections(suite, fileName) {
  const text = JSON.stringify(buildCorrections(suite), null, 1) + "\n";
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  createNode("a", { href: address, download: fileName }).click();
  URL.revokeObjectURL(address);
}

const isUnreadable = Object.values(data.saved_entries).includes(null);
byId("download-corrections").disabled = isUnreadable;
byId("unreadable").hidden = !isUnreadable;
byId("unreadable").textContent =
  translate("The suite's corrections.json cannot be read: mend it, then write this report again.");
byId("decided-by").value = readStorage(NAME_KEY) ?? "";
byId("decided-by").onchange = (event) => writeStorage(NAME_KEY, event.target.value);
byId("download-corrections").onclick = () => {
  const suites = [...new Set(data.label_errors.map((labelError) => labelError.suite))];
  const isOnly = suites.length === 1;
  suites.forEach((suite) => downloadCorrections(suite, isOnly ? "corrections.json" : `${suite}-corrections.json`));
};
