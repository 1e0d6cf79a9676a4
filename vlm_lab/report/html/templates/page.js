// The page image of a document, and the window with a reply and its prompt.
const pageView = { doc: null, number: 0, zoom: 1 };

function showPage(doc, number) {
  const pages = doc.pages;
  if (pageView.doc !== doc) pageView.zoom = 1;
  pageView.doc = doc;
  pageView.number = Math.max(0, Math.min(pages.length - 1, number));
  const image = byId("page"), there = pages.length > 0;
  image.hidden = !there;
  byId("no-page").textContent = there ? "" : translate("no page image");
  if (there) {
    image.src = pages[pageView.number].split("/").map(encodeURIComponent).join("/");
    image.alt = translate("page %s", pageView.number + 1);
  } else image.removeAttribute("src");
  byId("page-number").textContent = there ? translate("Page %s of %s", pageView.number + 1, pages.length) : "";
  byId("page-back").disabled = pageView.number <= 0;
  byId("page-on").disabled = pageView.number >= pages.length - 1;
  zoomPage(1);
}

function zoomPage(by) {
  pageView.zoom = Math.max(0.5, Math.min(6, pageView.zoom * by));
  byId("page").style.width = `${100 * pageView.zoom}%`;
}

// A page from disk may not fetch a file, but it may load a script, which then calls this.
const loadedTexts = new Map();
window.vlmTexts = ([suite, id], texts) => loadedTexts.set(`${suite}/${id}`, texts);

function loadTexts(doc) {
  if (loadedTexts.has(makeDocumentKey(doc)) || !doc.texts) return Promise.resolve();
  return new Promise((done) => {
    const node = createNode("script", { src: doc.texts.split("/").map(encodeURIComponent).join("/") });
    node.onload = node.onerror = () => { node.remove(); done(); };
    document.head.append(node);
  });
}

async function showTexts(doc, column) {
  await loadTexts(doc);
  const texts = loadedTexts.get(makeDocumentKey(doc)), said = texts?.said[column];
  const missing = translate("The reply cannot be loadedTexts: report_files/ is not beside report.html.");
  byId("texts-title").textContent = `${formatCandidate(column)}: ${doc.id}`;
  byId("reply").textContent = texts ? escapeInvisible(said?.[0] ?? translate("no reply")) : missing;
  byId("prompt").textContent = escapeInvisible((said && texts.prompts[said[1]]) ?? "");
  byId("texts").showModal();
}

byId("zoom-in").onclick = () => zoomPage(1.4);
byId("zoom-out").onclick = () => zoomPage(1 / 1.4);
byId("page-back").onclick = () => showPage(pageView.doc, pageView.number - 1);
byId("page-on").onclick = () => showPage(pageView.doc, pageView.number + 1);
byId("texts-close").onclick = () => byId("texts").close();
byId("fields").onclick = (event) => {
  const button = event.target.closest("button[data-column]");
  if (button) showTexts(pageView.doc, Number(button.dataset.column));
};
