// The documents that were drawn, one at a time. Every decision is sent at once, with the version that was seen.
let current = null, stops = [], lastSave = Promise.resolve();

// One after the other: what the second says of the draft's version, the first has changed.
function save(form) {
  const { row_counts, decided, open } = structuredClone(form);
  lastSave = lastSave.then(async () => {
    const answer = await ask("drafts", { document: form.id, version: form.version, row_counts, decided, open, labelled_by: byId("labelled-by").value });
    if (answer === null) return;
    if (answer.ok) { form.version = answer.version; showMessage(translate("Saved.")); return; }
    if (answer.stale) showDocument(current.index);
    showMessage(answer.stale
      ? translate("The draft was changed elsewhere. It was read again: look, and decide again.")
      : translate("Not saved: %s", answer.error), true);
  });
  showProgress();
}

function decidePlace(form, path, value) {
  if (value === undefined) delete form.decided[path];
  else form.decided[path] = value;
  delete form.open[path];
  save(form);
  stops.find((stop) => stop.path === path)?.update();
}

function showProgress() {
  const finished = data.documents.filter((doc) => doc.finished).length;
  const open = current ? listOpenPlaces(current.form).length : 0;
  byId("progress").textContent =
    `${translate("%s of %s documents labelled", finished, data.documents.length)}, ${translate("%s values open", open)}`;
  for (const [index, option] of [...byId("jump").options].entries()) {
    const doc = data.documents[index];
    const marks = [doc.finished ? translate("labelled") : null, doc.blind ? translate("blind") : null].filter(Boolean);
    option.textContent = escapeInvisible(doc.name) + (marks.length ? ` (${marks.join(", ")})` : "");
  }
}

function createFields(form, columns, prefix) {
  return groupByTable(columns).flatMap((group) => {
    const path = prefix + group.path;
    if (group.columns) return [createTable(form, group, path)];
    const field = createField(form, path, group.path, group.isList, (value) => decidePlace(form, path, value));
    stops.push(field);
    return [field.node];
  });
}

function createTable(form, group, path) {
  const rows = listRows(form, path).map((row, index) => {
    const remove = createNode("button", { type: "button", class: "remove" }, translate("remove this row"));
    remove.onclick = () => changeRows(form, path, () => removeRow(form, path, index));
    const name = `${group.path}: ${translate("row %s", index + 1)}`;
    return createNode("div", { class: "label-row", role: "group", "aria-label": name },
      createNode("p", { class: "note" }, escapeInvisible(name), " ", remove), ...createFields(form, group.columns, row));
  });
  const add = createNode("button", { type: "button", class: "add" }, `${translate("add a row")}: ${escapeInvisible(group.path)}`);
  add.onclick = () => changeRows(form, path, () => { form.row_counts[path] = countRows(form, path) + 1; }, true);
  stops.push({ path: `${path}+`, input: add, update: () => {} });
  return createNode("div", { class: "label-table" }, ...rows, add);
}

function changeRows(form, table, change, isAdded = false) {
  change();
  save(form);
  showForm(form);
  const added = `${table}[${countRows(form, table) - 1}].`;
  const stop = (isAdded && stops.find(({ path }) => path.startsWith(added))) || stops.find(({ path }) => path === `${table}+`);
  focusStop(stop);
}

function showForm(form) {
  stops = [];
  byId("rows").replaceChildren(...createFields(form, data.fields, ""));
}

function focusStop(stop) {
  if (!stop) return;
  stop.input.focus();
  stop.input.scrollIntoView({ block: "nearest" });
}

const findStop = () => stops.findIndex(({ input }) => input === document.activeElement);
const focusFirstOpen = () => focusStop(stops.find(({ path }) => listOpenPlaces(current.form).includes(path)) ?? stops[0]);

function showNotes(form) {
  const notes = Object.entries(form.failures).map(([candidate, reason]) => translate("%s: not answered (%s)", candidate, reason));
  if (form.finished) notes.push(translate("The document is finished; its reference is written."));
  else if (form.blind) notes.push(translate("Blind: nothing that candidates say is shown before the document is finished."));
  byId("document-notes").replaceChildren(...notes.map((note) => createNode("li", {}, escapeInvisible(note))));
}

async function showDocument(index) {
  const { id, name } = data.documents[index];
  await lastSave;
  const form = await ask(`documents/${encodeURIComponent(id)}`);
  if (!form?.ok) return form && showMessage(form.error, true);
  current = { index, form };
  location.replace(`#doc=${encodeURIComponent(id)}`);
  byId("jump").selectedIndex = index;
  byId("document-name").textContent = escapeInvisible(name);
  byId("previous").disabled = index === 0;
  byId("next").disabled = index === data.documents.length - 1;
  showNotes(form);
  showForm(form);
  showPage(form, 0);
  showProgress();
  focusFirstOpen();
}

const stepDocument = (step) => {
  const index = current.index + step;
  if (index >= 0 && index < data.documents.length) { showMessage(""); showDocument(index); }
};

async function finishDocument() {
  commitTyped();
  await lastSave;
  const { form, index } = current, open = listOpenPlaces(form);
  if (open.length) {
    focusFirstOpen();
    return showMessage(translate("%s values are open.", open.length), true);
  }
  const answer = await ask("references", { document: form.id, version: form.version, labelled_by: byId("labelled-by").value });
  if (answer === null) return;
  if (!answer.ok) return showMessage(translate("Not saved: %s", answer.error), true);
  data.documents[index].finished = true;
  const count = data.documents.length;
  const order = Array.from({ length: count }, (_, step) => (index + step + 1) % count);
  const next = order.find((each) => !data.documents[each].finished);
  await showDocument(next ?? index);
  showMessage(next === undefined ? translate("All documents are labelled.") : translate("The document is finished; its reference is written."));
}

// What was typed into the field that has the focus and is not decided yet.
function commitTyped() {
  const stop = stops[findStop()];
  if (stop?.typed && stop.typed() && stop.typed() !== readPlace(current.form, stop.path)) decidePlace(current.form, stop.path, stop.typed());
}

function takeField(stop, isNone) {
  const { form } = current, text = stop.typed();
  const wasNone = (form.decided[stop.path] ?? form.open[stop.path]) === null && (isDecidedPlace(form, stop.path) || isPrefilled(form, stop.path));
  if (!isNone && !text && !wasNone) {
    return showMessage(translate("Type the value on the page, or press Shift+Enter where it shows none."), true);
  }
  const value = isNone || !text ? null : text;
  stop.set(value);
  decidePlace(form, stop.path, value);
  stepStop(1);
}

function stepStop(step) { focusStop(stops[findStop() + step]); }

const FORM_KEYS = {
  ArrowDown: () => stepStop(1), ArrowUp: () => stepStop(-1),
  PageDown: () => showPage(pageView.doc, pageView.index + 1), PageUp: () => showPage(pageView.doc, pageView.index - 1),
};
document.addEventListener("keydown", (event) => {
  if (current === null || event.isComposing || event.target.matches("select, #labelled-by")) return;
  const run = (action) => { event.preventDefault(); action(); };
  const stop = stops[findStop()];
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return run(finishDocument);
  if (event.key === "Enter" && stop?.typed && !event.altKey) return run(() => takeField(stop, event.shiftKey));
  if (event.altKey && event.key === "PageDown") return run(() => stepDocument(1));
  if (event.altKey && event.key === "PageUp") return run(() => stepDocument(-1));
  if (hasModifier(event) || event.shiftKey || !stop || !(event.key in FORM_KEYS)) return;
  run(FORM_KEYS[event.key]);
});

function readName() {
  try { return localStorage.getItem(NAME_KEY) ?? data.user; } catch { return data.user; }
}

keepName(byId("labelled-by"));
byId("previous").onclick = () => stepDocument(-1);
byId("next").onclick = () => stepDocument(1);
byId("finish").onclick = finishDocument;
byId("jump").onchange = (event) => showDocument(event.target.selectedIndex);
byId("jump").replaceChildren(...data.documents.map((doc) => createNode("option", { value: doc.id }, escapeInvisible(doc.name))));

const wanted = new URLSearchParams(location.hash.slice(1)).get("doc");
const named = data.documents.findIndex((doc) => doc.id === wanted);
const unfinished = data.documents.findIndex((doc) => !doc.finished);
showDocument([named, unfinished, 0].find((index) => index >= 0));
