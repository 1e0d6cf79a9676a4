// Suspect references: one decision each, kept in this browser until corrections.json is handed out.
const VERDICTS = { r: ["reference_wrong", "reference wrong"], m: ["model_wrong", "model wrong"], b: ["both", "both acceptable"] };
const STORAGE_KEY = `vlm-lab ${data.run}`;
const savedDecisions = (() => { try { return JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {}; } catch { return {}; } })();
const makeErrorKey = (each) => `${each.suite}/${each.document}\n${each.path}`;

function saveDecision(each, change) {
  savedDecisions[makeErrorKey(each)] = { ...savedDecisions[makeErrorKey(each)], ...change };
  try { localStorage.setItem(STORAGE_KEY, JSON.stringify(savedDecisions)); } catch { /* a browser that keeps nothing: the page still does */ }
  showDecidedCount();
}

// What most candidates said, which is what the page most likely shows.
function findMajorityValue(each) {
  const counts = new Map();
  for (const value of Object.values(each.said)) counts.set(JSON.stringify(value), (counts.get(JSON.stringify(value)) ?? 0) + 1);
  const best = [...counts].sort((one, other) => other[1] - one[1])[0];
  return best ? JSON.parse(best[0]) : null;
}

const formatValue = (value) => typeof value === "string" ? value : value === null ? "" : JSON.stringify(value);

function createErrorNode(each) {
  const mine = () => savedDecisions[makeErrorKey(each)] ?? {};
  const right = createNode("input", { "aria-label": translate("Value on the page") });
  right.value = mine().right ?? formatValue(findMajorityValue(each));
  right.oninput = () => saveDecision(each, { right: right.value });
  const node = createNode("div", { class: "doubt", tabindex: "0", role: "group", "aria-label": escapeInvisible(`${each.document} ${each.path}`) });
  const buttons = Object.entries(VERDICTS).map(([key, [verdict, name]]) => {
    const button = createNode("button", { type: "button", "data-verdict": verdict }, `${translate(name)} (${key})`);
    button.onclick = () => { saveDecision(each, { verdict: mine().verdict === verdict ? "" : verdict, right: right.value }); paint(); };
    return button;
  });
  const paint = () => buttons.forEach((button) => button.setAttribute("aria-pressed", mine().verdict === button.dataset.verdict));
  node.onkeydown = (event) => {
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey || !(event.key in VERDICTS)) return;
    buttons[Object.keys(VERDICTS).indexOf(event.key)].click();
    event.stopPropagation();
  };
  paint();
  const link = createNode("a", { href: `#doc=${encodeURIComponent(`${each.suite}/${each.document}`)}&outcome=doubtful` }, each.document);
  node.append(createNode("p", {}, createNode("strong", {}, escapeInvisible(each.path)), " ", link),
    createNode("p", {}, `${translate("Reference")}: `, createValueNode(each.reference)),
    ...Object.entries(each.said).map(([who, value]) => createNode("p", {}, `${who}: `, createValueNode(value))),
    createNode("p", { class: "kind" }, escapeInvisible(each.told.join("; "))),
    createNode("p", { class: "buttons" }, ...buttons, createNode("label", { class: "kind" }, `${translate("Value on the page")} `, right)));
  return node;
}

function buildCorrections() {
  return data.doubts.map(({ suite, told, ...each }) => {
    const { verdict = "", right = "" } = savedDecisions[makeErrorKey({ suite, ...each })] ?? {};
    const correcting = verdict === "reference_wrong" || verdict === "both";
    return { ...each, verdict, right: correcting ? (right === "" ? null : right) : "" };
  });
}

function showDecidedCount() {
  byId("decided").textContent = translate("%s of %s decided", buildCorrections().filter((each) => each.verdict).length, data.doubts.length);
}

byId("hand-out").onclick = () => {
  const file = new Blob([JSON.stringify(buildCorrections(), null, 1) + "\n"], { type: "application/json" });
  const link = createNode("a", { href: URL.createObjectURL(file), download: "corrections.json" });
  link.click();
  URL.revokeObjectURL(link.href);
};
function showLabelErrors() {
  byId("doubt-list").replaceChildren(...data.doubts.map(createErrorNode));
  showDecidedCount();
}
