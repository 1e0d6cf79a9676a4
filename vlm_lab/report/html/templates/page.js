// The page image of a document, and the window with a reply and its prompt.
const pageView = { doc: null, index: 0, zoom: 1 };
const ZOOM_STEP = 1.4;

const encodePath = (path) => path.split("/").map(encodeURIComponent).join("/");

function showPage(doc, index) {
  if (pageView.doc !== doc) pageView.zoom = 1;
  pageView.doc = doc;
  pageView.index = Math.max(0, Math.min(doc.pages.length - 1, index));
  const pageNumber = pageView.index + 1;
  const image = byId("page"), hasPages = doc.pages.length > 0;
  image.hidden = !hasPages;
  if (hasPages) {
    image.src = encodePath(doc.pages[pageView.index]);
    image.alt = translate("page %s", pageNumber);
  } else image.removeAttribute("src");
  byId("no-page").textContent = hasPages ? "" : translate("no page image");
  byId("page-number").textContent = hasPages ? translate("Page %s of %s", pageNumber, doc.pages.length) : "";
  byId("page-back").disabled = pageView.index <= 0;
  byId("page-on").disabled = pageView.index >= doc.pages.length - 1;
  zoomPage(1);
}

function zoomPage(factor) {
  pageView.zoom = Math.max(0.5, Math.min(6, pageView.zoom * factor));
  byId("page").style.width = `${100 * pageView.zoom}%`;
}

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

byId("zoom-in").onclick = () => zoomPage(ZOOM_STEP);
byId("zoom-out").onclick = () => zoomPage(1 / ZOOM_STEP);
byId("page-back").onclick = () => showPage(pageView.doc, pageView.index - 1);
byId("page-on").onclick = () => showPage(pageView.doc, pageView.index + 1);
byId("texts-close").onclick = () => byId("texts").close();
byId("fields").onclick = (event) => {
  const button = event.target.closest("button[data-column]");
  if (button) showTexts(pageView.doc, Number(button.dataset.column));
};
