// The window with a reply and its prompt.
// A page from disk may not fetch a file, but it may load a script, which then calls this.
const loadedTexts = new Map();
window.vlmTexts = ([suite, id], texts) => loadedTexts.set(makeDocumentKey({ suite, id }), texts);

function loadTexts(doc) {
  if (loadedTexts.has(makeDocumentKey(doc)) || !doc.texts) return Promise.resolve();
  return new Promise((resolve) => {
    const script = createNode("script", { src: encodePath(doc.texts) });
    script.onload = script.onerror = () => { script.remove(); resolve(); };
    document.head.append(script);
  });
}

async function loadValue(doc, column, row) {
  await loadTexts(doc);
  return loadedTexts.get(makeDocumentKey(doc))?.values[column]?.[row]
    ?? translate("The reply cannot be loaded: report_files/ is not beside report.html.");
}

async function showTexts(doc, column) {
  await loadTexts(doc);
  const texts = loadedTexts.get(makeDocumentKey(doc));
  const [reply, promptIndex] = texts?.replies[column] ?? [];
  const notLoaded = translate("The reply cannot be loaded: report_files/ is not beside report.html.");
  byId("texts-title").textContent = `${formatCandidate(column)}: ${doc.id}`;
  byId("reply").textContent = texts ? escapeInvisible(reply ?? translate("no reply")) : notLoaded;
  byId("prompt").textContent = escapeInvisible(texts?.prompts[promptIndex] ?? "");
  byId("texts").showModal();
}

byId("texts-close").onclick = () => byId("texts").close();
byId("fields").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-column]");
  if (button) showTexts(pageView.doc, Number(button.dataset.column));
});
