// Suspect references: one decision each, kept in this browser until corrections.json is handed out.
const VERDICTS = { r: ["reference_wrong", "reference wrong"], m: ["model_wrong", "model wrong"], b: ["both", "both acceptable"] };
const STORE = `vlm-lab ${data.run}`;
const kept = (() => { try { return JSON.parse(localStorage.getItem(STORE)) ?? {}; } catch { return {}; } })();
const doubtKey = (each) => `${each.suite}/${each.document}\n${each.path}`;

function keep(each, change) {
  kept[doubtKey(each)] = { ...kept[doubtKey(each)], ...change };
  try { localStorage.setItem(STORE, JSON.stringify(kept)); } catch { /* a browser that keeps nothing: the page still does */ }
  countDecided();
}

// What most candidates said, which is what the page most likely shows.
function likely(each) {
  const counts = new Map();
  for (const value of Object.values(each.said)) counts.set(JSON.stringify(value), (counts.get(JSON.stringify(value)) ?? 0) + 1);
  const best = [...counts].sort((one, other) => other[1] - one[1])[0];
  return best ? JSON.parse(best[0]) : null;
}

const asText = (value) => typeof value === "string" ? value : value === null ? "" : JSON.stringify(value);

function doubtNode(each) {
  const mine = () => kept[doubtKey(each)] ?? {};
  const right = make("input", { "aria-label": word("Value on the page") });
  right.value = mine().right ?? asText(likely(each));
  right.oninput = () => keep(each, { right: right.value });
  const node = make("div", { class: "doubt", tabindex: "0", role: "group", "aria-label": visible(`${each.document} ${each.path}`) });
  const buttons = Object.entries(VERDICTS).map(([key, [verdict, name]]) => {
    const button = make("button", { type: "button", "data-verdict": verdict }, `${word(name)} (${key})`);
    button.onclick = () => { keep(each, { verdict: mine().verdict === verdict ? "" : verdict, right: right.value }); paint(); };
    return button;
  });
  const paint = () => buttons.forEach((button) => button.setAttribute("aria-pressed", mine().verdict === button.dataset.verdict));
  node.onkeydown = (event) => {
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey || !(event.key in VERDICTS)) return;
    buttons[Object.keys(VERDICTS).indexOf(event.key)].click();
    event.stopPropagation();
  };
  paint();
  const link = make("a", { href: `#doc=${encodeURIComponent(`${each.suite}/${each.document}`)}&outcome=doubtful` }, each.document);
  node.append(make("p", {}, make("strong", {}, visible(each.path)), " ", link),
    make("p", {}, `${word("Reference")}: `, valueNode(each.reference)),
    ...Object.entries(each.said).map(([who, value]) => make("p", {}, `${who}: `, valueNode(value))),
    make("p", { class: "kind" }, visible(each.told.join("; "))),
    make("p", { class: "buttons" }, ...buttons, make("label", { class: "kind" }, `${word("Value on the page")} `, right)));
  return node;
}

function corrections() {
  return data.doubts.map(({ suite, told, ...each }) => {
    const { verdict = "", right = "" } = kept[doubtKey({ suite, ...each })] ?? {};
    const correcting = verdict === "reference_wrong" || verdict === "both";
    return { ...each, verdict, right: correcting ? (right === "" ? null : right) : "" };
  });
}

function countDecided() {
  byId("decided").textContent = word("%s of %s decided", corrections().filter((each) => each.verdict).length, data.doubts.length);
}

byId("hand-out").onclick = () => {
  const file = new Blob([JSON.stringify(corrections(), null, 1) + "\n"], { type: "application/json" });
  const link = make("a", { href: URL.createObjectURL(file), download: "corrections.json" });
  link.click();
  URL.revokeObjectURL(link.href);
};
function showDoubts() {
  byId("doubt-list").replaceChildren(...data.doubts.map(doubtNode));
  countDecided();
}
