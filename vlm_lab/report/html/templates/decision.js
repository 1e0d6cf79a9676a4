// What a person decides about one value of a reference: a verdict, and the value on the page.
const VERDICTS = {
  r: ["reference_wrong", "reference wrong"], m: ["model_wrong", "model wrong"], b: ["both", "both wrong"],
};
const CORRECTING_VERDICTS = ["reference_wrong", "both"];
const NO_DECISION = { verdict: "", right: "", shows_nothing: false };

// As it stands in corrections.json -> as it is typed: null says that the page shows no such value.
function readEntry({ verdict = "", right = "" }) {
  const isNothing = CORRECTING_VERDICTS.includes(verdict) && right === null;
  return { verdict, right: isNothing ? "" : formatValue(right), shows_nothing: isNothing };
}

function formatValue(value) {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
}

// The other way round; a list is typed as JSON.
function makeEntryValues({ verdict, right, shows_nothing: isNothing }, reference) {
  if (!CORRECTING_VERDICTS.includes(verdict)) return { verdict, right: "" };
  if (isNothing) return { verdict, right: null };
  if (Array.isArray(reference)) {
    try { return { verdict, right: JSON.parse(right) }; } catch {}
  }
  return { verdict, right };
}

// A reference that is wrong needs what is right: nobody says by a click that the page shows nothing.
const lacksValue = ({ verdict, right, shows_nothing: isNothing }) =>
  CORRECTING_VERDICTS.includes(verdict) && !isNothing && right.trim() === "";
const isDecided = (decision) => decision.verdict !== "" && !lacksValue(decision);

// `decide` gets the whole decision when a button is pressed, `draft` while somebody types.
function createDecisionForm(decision, decide, draft = () => {}) {
  const input = createNode("input", { type: "text", "aria-label": translate("Value on the page"), autocomplete: "off" });
  const checkbox = createNode("input", { type: "checkbox" });
  input.value = decision.right;
  checkbox.checked = decision.shows_nothing;
  input.disabled = checkbox.checked;
  let verdict = decision.verdict;
  const hint = createNode("p", { class: "warning", role: "status" });
  const read = () => ({ verdict, right: input.value, shows_nothing: checkbox.checked });
  const buttons = Object.entries(VERDICTS).map(([key, [name, label]]) => {
    const button = createNode("button", { type: "button", "data-verdict": name }, `${translate(label)} (${key})`);
    button.onclick = () => { verdict = verdict === name ? "" : name; show(); decide(read()); };
    return button;
  });
  const show = () => {
    buttons.forEach((button) => button.setAttribute("aria-pressed", verdict === button.dataset.verdict));
    hint.textContent = lacksValue(read()) ? translate("Type the value on the page, or tick that it shows none.") : "";
    hint.hidden = hint.textContent === "";
  };
  const change = () => { input.disabled = checkbox.checked; show(); draft(read()); };
  input.oninput = checkbox.onchange = change;
  show();
  const node = createNode("div", { class: "decision" },
    createNode("p", { class: "buttons" },
      createNode("label", {}, `${translate("Value on the page")} `, input),
      createNode("label", {}, checkbox, ` ${translate("the page shows none")}`)),
    createNode("p", { class: "buttons" }, ...buttons), hint);
  const press = (key) => buttons[Object.keys(VERDICTS).indexOf(key)].click();
  const fill = (value) => {
    input.value = formatValue(value);
    checkbox.checked = false;
    change();
    input.focus();
  };
  return { node, input, checkbox, read, press, fill };
}

const isTyping = (event) => event.target.matches("input, select, textarea");
const hasModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;

function pressOnKey(form, event) {
  if (isTyping(event) || hasModifier(event) || !(event.key in VERDICTS)) return;
  form.press(event.key);
  event.stopPropagation();
}

// Who decided, and when, as far as it is known.
function describeDecider({ decided_by: name, decided_at: time }) {
  const when = time ? new Date(time).toLocaleString(document.documentElement.lang) : "";
  return [name, when].filter(Boolean).join(", ");
}
