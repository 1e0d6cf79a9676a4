// One value of a document: what the reference says, what each candidate said, and the decision about it.
// Nothing is wrong before somebody has looked: a candidate may be right where it differs from the reference.
const OUTCOME_SIGNS = {
  exact: "✓", normalized: "≈", wrong: "≠", missing: "−", spurious: "+", unlabelled: "·",
};
const OUTCOME_NAMES = {
  exact: translate("exact"), normalized: translate("only the format differs"), wrong: translate("read otherwise"),
  missing: translate("missing"), spurious: translate("spurious"), unlabelled: translate("not labelled"),
};
const OUTCOME_CLASSES = { exact: "e", normalized: "f", wrong: "m", missing: "m", spurious: "s", unlabelled: "u" };
const AGREEING = ["exact", "normalized"];
const VERDICT_NAMES = Object.fromEntries(Object.values(VERDICTS).map(([verdict, name]) => [verdict, translate(name)]));

const countDiffering = (row) =>
  row.answers.filter(([, , outcome]) => outcome !== "" && outcome !== "unlabelled" && !AGREEING.includes(outcome)).length;

// Candidates that said the same stand on one line.
function groupAnswers(row) {
  const groups = new Map();
  for (const [candidate, value, outcome] of row.answers) {
    const key = AGREEING.includes(outcome) ? "" : JSON.stringify([value, outcome]);
    if (!groups.has(key)) groups.set(key, { value, outcome, candidates: [] });
    groups.get(key).candidates.push(candidate);
  }
  return [...groups.values()];
}

function createAnswerLine(group, form) {
  const sign = OUTCOME_SIGNS[group.outcome] ?? "";
  const label = OUTCOME_NAMES[group.outcome];
  const names = createNode("span", { class: "note" }, ` ${escapeInvisible(group.candidates.join(", "))}`);
  const outcome = sign && createNode("span", { class: "outcome", role: "img", "aria-label": label, title: label }, sign);
  const isAgreeing = AGREEING.includes(group.outcome);
  const said = isAgreeing ? translate("as the reference") : createValueNode(group.value);
  const line = createNode("p", { class: OUTCOME_CLASSES[group.outcome] ?? "" }, outcome || null, said, names);
  if (!isAgreeing && group.value !== null) {
    const text = escapeInvisible(formatValue(group.value));
    const button = createNode("button", { type: "button", class: "take", "aria-label": `${translate("take this value")}: ${text}` },
      translate("take this value"));
    button.onclick = () => form.fill(group.value);
    line.append(button);
  }
  return line;
}

// A doubtful value where two families agree is prefilled with what they say; nothing else ever is.
function readDecision(row, entry) {
  return entry?.verdict ? readEntry(entry) : { ...NO_DECISION, right: formatValue(row.agreed) };
}

function describeState(row, entry) {
  if (entry?.verdict) return createDecidedNodes(row, entry);
  if (row.reasons.length) return [translate("doubtful")];
  const differing = countDiffering(row);
  return differing ? [translate("read otherwise: %s", differing)] : [];
}

function createDecidedNodes(row, entry) {
  const nodes = [`${translate("decided")}: ${VERDICT_NAMES[entry.verdict] ?? entry.verdict}`];
  if (CORRECTING_VERDICTS.includes(entry.verdict)) nodes.push(" → ", createValueNode(entry.right));
  return nodes;
}

function describeStale(row, entry) {
  const isStale = entry?.verdict && formatValue(entry.reference) !== formatValue(row.reference);
  return isStale
    ? translate("The reference was %s when this was decided: decide again.", escapeInvisible(formatValue(entry.reference) || "-"))
    : "";
}

// `decide` gets the decision whenever it is to be saved. `update` shows what the file says now.
function createRowNode(row, entry, canDecide, decide) {
  const form = createDecisionForm(readDecision(row, entry), decide);
  const save = () => { if (form.read().verdict) decide(form.read()); };
  form.input.addEventListener("change", save);
  form.checkbox.addEventListener("change", save);
  form.input.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    if (form.read().verdict) decide(form.read());
    else if (form.input.value.trim()) form.press("r");
  };
  const state = createNode("span", { class: "state" });
  const reference = createNode("span", {}, createValueNode(row.reference));
  const summary = createNode("summary", {},
    createNode("bdi", { class: "path" }, escapeInvisible(row.path)), reference, state);
  const who = createNode("p", { class: "note" });
  const stale = createNode("p", { class: "warning" });
  const inside = createNode("div", { class: "inside" },
    row.reasons.length ? createNode("p", { class: "note" }, escapeInvisible(row.reasons.join("; "))) : null,
    createNode("p", {}, `${translate("Reference")}: `, createValueNode(row.reference)),
    ...groupAnswers(row).map((group) => createAnswerLine(group, form)),
    canDecide ? form.node : null, who, stale);
  const node = createNode("details", { class: "value-row" }, summary, inside);
  node.onkeydown = (event) => {
    if (!canDecide || isTyping(event) || hasModifier(event) || !(event.key in VERDICTS)) return;
    node.open = true;
    form.press(event.key);
    if (lacksValue(form.read())) { event.preventDefault(); form.input.focus(); }
    event.stopPropagation();
  };
  const update = (newEntry) => {
    const isClosed = Boolean(newEntry?.verdict);
    node.classList.toggle("decided", isClosed);
    node.classList.toggle("doubtful", !isClosed && row.reasons.length > 0);
    reference.classList.toggle("struck", isClosed && CORRECTING_VERDICTS.includes(newEntry.verdict));
    state.replaceChildren(...describeState(row, newEntry));
    who.textContent = isClosed ? escapeInvisible(describeDecider(newEntry)) : "";
    stale.textContent = describeStale(row, newEntry);
    stale.hidden = stale.textContent === "";
  };
  update(entry);
  node.open = row.reasons.length > 0 && !entry?.verdict;
  return { row, node, summary, update };
}
