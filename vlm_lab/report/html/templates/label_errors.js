// Suspect references: one decision each, kept in this browser until corrections.json is downloaded.
const VERDICTS = {
  r: ["reference_wrong", "reference wrong"], m: ["model_wrong", "model wrong"], b: ["both", "both acceptable"],
};
const CORRECTING_VERDICTS = ["reference_wrong", "both"];
const STORAGE_KEY = `vlm-lab ${data.run}`;
const savedDecisions = loadDecisions();

function loadDecisions() {
  try { return JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {}; } catch { return {}; }
}

const getDecision = (labelError) => savedDecisions[makeErrorKey(labelError)] ?? {};

function saveDecision(labelError, change) {
  savedDecisions[makeErrorKey(labelError)] = { ...getDecision(labelError), ...change };
  // A browser that keeps nothing: the page still does.
  try { localStorage.setItem(STORAGE_KEY, JSON.stringify(savedDecisions)); } catch {}
  showDecidedCount();
}

// What most candidates said, which is what the page most likely shows.
function findMajorityValue(labelError) {
  const counts = new Map();
  for (const prediction of Object.values(labelError.said)) {
    const text = JSON.stringify(prediction);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [majority] = [...counts].sort(([, count], [, otherCount]) => otherCount - count);
  return majority ? JSON.parse(majority[0]) : null;
}

function formatValue(value) {
  if (typeof value === "string") return value;
  return value === null ? "" : JSON.stringify(value);
}

function createErrorNode(labelError) {
  const input = createNode("input", { "aria-label": translate("Value on the page") });
  input.value = getDecision(labelError).right ?? formatValue(findMajorityValue(labelError));
  input.oninput = () => saveDecision(labelError, { right: input.value });
  const buttons = createVerdictButtons(labelError, input);
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
    createNode("p", { class: "buttons" }, ...buttons,
      createNode("label", { class: "detail" }, `${translate("Value on the page")} `, input)));
  node.onkeydown = (event) => {
    const isTyping = event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping || !(event.key in VERDICTS)) return;
    buttons[Object.keys(VERDICTS).indexOf(event.key)].click();
    event.stopPropagation();
  };
  return node;
}

function createVerdictButtons(labelError, input) {
  const buttons = Object.entries(VERDICTS).map(([key, [verdict, name]]) => {
    const button = createNode("button", { type: "button", "data-verdict": verdict }, `${translate(name)} (${key})`);
    button.onclick = () => {
      const isTakenBack = getDecision(labelError).verdict === verdict;
      saveDecision(labelError, { verdict: isTakenBack ? "" : verdict, right: input.value });
      markPressed();
    };
    return button;
  });
  const markPressed = () => buttons.forEach((button) =>
    button.setAttribute("aria-pressed", getDecision(labelError).verdict === button.dataset.verdict));
  markPressed();
  return buttons;
}

// The lines of corrections.json: what the page knows beside them, suite and reasons, stays here.
function buildCorrections() {
  return data.label_errors.map((labelError) => {
    const { suite, reasons, ...entry } = labelError;
    const { verdict = "", right = "" } = getDecision(labelError);
    const correctValue = right === "" ? null : right;
    return { ...entry, verdict, right: CORRECTING_VERDICTS.includes(verdict) ? correctValue : "" };
  });
}

function showDecidedCount() {
  const decided = data.label_errors.filter((labelError) => getDecision(labelError).verdict);
  byId("decided-count").textContent = translate("%s of %s decided", decided.length, data.label_errors.length);
}

function showLabelErrors() {
  byId("label-error-list").replaceChildren(...data.label_errors.map(createErrorNode));
  showDecidedCount();
}

byId("download-corrections").onclick = () => {
  const text = JSON.stringify(buildCorrections(), null, 1) + "\n";
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  createNode("a", { href: address, download: "corrections.json" }).click();
  URL.revokeObjectURL(address);
};
