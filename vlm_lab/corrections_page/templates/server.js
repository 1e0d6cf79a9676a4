// Both pages ask the server, say how that went, and keep the name of the person who decides.
const NAME_KEY = "vlm-lab decided by";

function showMessage(text, isWarning = false) {
  const message = byId("message");
  message.textContent = text;
  message.hidden = text === "";
  message.classList.toggle("warning", isWarning);
}

// The answer's JSON, and whether it is one that was wanted; null where nobody answers.
async function ask(path, body) {
  const options = body
    ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  try {
    const response = await fetch(path, options);
    return { ok: response.ok, ...await response.json() };
  } catch {
    showMessage(translate("The server has ended. Start it again; what was saved is safe."), true);
    return null;
  }
}

function keepName(input) {
  input.value = readName();
  input.onchange = () => {
    try { localStorage.setItem(NAME_KEY, input.value); } catch {}
  };
}
