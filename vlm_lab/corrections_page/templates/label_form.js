// The form of one document: a field for every value of the schema, row by row. What it says is three maps by place,
// `decided` and `open` (prefilled, nobody has said so yet) and `row_counts`; null means that the page shows none.
const ROW_SUFFIX = "[].";

// The fields, each list once with the columns of its rows, below the document or below a row.
function groupByTable(columns) {
  const groups = new Map();
  for (const [path, isList] of columns) {
    const [table, ...rest] = path.split(ROW_SUFFIX);
    if (rest.length === 0) groups.set(path, { path, isList });
    else {
      if (!groups.has(table)) groups.set(table, { path: table, columns: [] });
      groups.get(table).columns.push([rest.join(ROW_SUFFIX), isList]);
    }
  }
  return [...groups.values()];
}

// Every place below `prefix`, as the rows are now.
function listPlaces(form, columns = data.fields, prefix = "") {
  return groupByTable(columns).flatMap((group) => {
    const path = prefix + group.path;
    if (!group.columns) return [path];
    return listRows(form, path).flatMap((row) => listPlaces(form, group.columns, row));
  });
}

const countRows = (form, table) => form.row_counts[table] ?? 0;
const listRows = (form, table) => Array.from({ length: countRows(form, table) }, (_, index) => `${table}[${index}].`);

// The rows behind the one that is gone move up, with all that is in them.
function removeRow(form, table, index) {
  const start = `${table}[`;
  const movePlace = (path) => {
    if (!path.startsWith(start)) return path;
    const end = path.indexOf("]", start.length), number = Number(path.slice(start.length, end));
    if (number === index) return null;
    return number < index ? path : `${start}${number - 1}${path.slice(end)}`;
  };
  for (const key of ["row_counts", "decided", "open", "answers"]) {
    const moved = Object.entries(form[key]).map(([path, value]) => [movePlace(path), value]);
    form[key] = Object.fromEntries(moved.filter(([path]) => path !== null));
  }
  form.row_counts[table] -= 1;
}

const isDecidedPlace = (form, path) => Object.hasOwn(form.decided, path);
const isPrefilled = (form, path) => Object.hasOwn(form.open, path);
const readPlace = (form, path) => form.decided[path] ?? form.open[path] ?? "";
const listOpenPlaces = (form) => listPlaces(form).filter((path) => !isDecidedPlace(form, path));

function describePlace(form, path) {
  if (isDecidedPlace(form, path)) return form.decided[path] === null ? translate("the page shows none") : translate("decided");
  if (!isPrefilled(form, path)) return translate("open");
  return form.open[path] === null
    ? `${translate("families agree")}: ${translate("the page shows none")}` : translate("families agree");
}

// What candidates say otherwise than the field does, those that say the same on one line.
function createAnswerLines(form, path, input, change) {
  const groups = new Map();
  for (const [candidate, text] of form.answers[path] ?? []) groups.set(text, [...(groups.get(text) ?? []), candidate]);
  groups.delete(readPlace(form, path));
  return [...groups].map(([text, candidates]) => {
    const shown = escapeInvisible(text);
    const button = createNode("button", { type: "button", class: "take", "aria-label": `${translate("take this value")}: ${shown}` },
      translate("take this value"));
    button.onclick = () => { input.value = text; input.focus(); change(); };
    const names = createNode("span", { class: "note" }, ` ${escapeInvisible(candidates.join(", "))} `);
    return createNode("p", { class: "said" }, createValueNode(text), names, button);
  });
}

let fieldCount = 0;

// `decide` gets a text, null for none, or undefined where a value is open again.
function createField(form, path, name, isList, decide) {
  const id = `field-${fieldCount += 1}`;
  const hint = isList ? ` (${translate("several, with ; between them")})` : "";
  const input = createNode("input", { type: "text", id, autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-state` });
  input.value = readPlace(form, path);
  const state = createNode("span", { class: "state", id: `${id}-state` });
  const typed = () => input.value.trim();
  const node = createNode("div", { class: "label-field" },
    createNode("label", { for: id }, createNode("bdi", {}, escapeInvisible(name)), hint), input, state,
    ...createAnswerLines(form, path, input, () => decide(typed())));
  const update = () => {
    const isDone = isDecidedPlace(form, path);
    node.classList.toggle("decided", isDone);
    node.classList.toggle("prefilled", !isDone && isPrefilled(form, path));
    state.textContent = describePlace(form, path);
  };
  input.onchange = () => { if (typed() !== readPlace(form, path)) decide(typed() || undefined); };
  input.onfocus = () => input.select();
  update();
  return { path, node, input, update, typed, set: (text) => { input.value = text ?? ""; } };
}
