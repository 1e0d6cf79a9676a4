// The page image of a document, and the window with a reply and its prompt.
const paper = { doc: null, number: 0, zoom: 1 };

function showPage(doc, number) {
  const pages = doc.pages;
  if (paper.doc !== doc) paper.zoom = 1;
  paper.doc = doc;
  paper.number = Math.max(0, Math.min(pages.length - 1, number));
  const image = byId("page"), there = pages.length > 0;
  image.hidden = !there;
  byId("no-page").textContent = there ? "" : word("no page image");
  if (there) {
    image.src = pages[paper.number].split("/").map(encodeURIComponent).join("/");
    image.alt = word("page %s", paper.number + 1);
  } else image.removeAttribute("src");
  byId("page-number").textContent = there ? word("Page %s of %s", paper.number + 1, pages.length) : "";
  byId("page-back").disabled = paper.number <= 0;
  byId("page-on").disabled = paper.number >= pages.length - 1;
  zoom(1);
}

function zoom(by) {
  paper.zoom = Math.max(0.5, Math.min(6, paper.zoom * by));
  byId("page").style.width = `${100 * paper.zoom}%`;
}

// A page from disk may not fetch a file, but it may load a script, which then calls this.
const loaded = new Map();
window.vlmTexts = ([suite, id], texts) => loaded.set(`${suite}/${id}`, texts);

function loadTexts(doc) {
  if (loaded.has(documentKey(doc)) || !doc.texts) return Promise.resolve();
  return new Promise((done) => {
    const node = make("script", { src: doc.texts.split("/").map(encodeURIComponent).join("/") });
    node.onload = node.onerror = () => { node.remove(); done(); };
    document.head.append(node);
  });
}

async function showTexts(doc, column) {
  await loadTexts(doc);
  const texts = loaded.get(documentKey(doc)), said = texts?.said[column];
  const missing = word("The reply cannot be loaded: report_files/ is not beside report.html.");
  byId("texts-title").textContent = `${candidateName(column)}: ${doc.id}`;
  byId("reply").textContent = texts ? visible(said?.[0] ?? word("no reply")) : missing;
  byId("prompt").textContent = visible((said && texts.prompts[said[1]]) ?? "");
  byId("texts").showModal();
}

byId("zoom-in").onclick = () => zoom(1.4);
byId("zoom-out").onclick = () => zoom(1 / 1.4);
byId("page-back").onclick = () => showPage(paper.doc, paper.number - 1);
byId("page-on").onclick = () => showPage(paper.doc, paper.number + 1);
byId("texts-close").onclick = () => byId("texts").close();
byId("fields").onclick = (event) => {
  const button = event.target.closest("button[data-column]");
  if (button) showTexts(paper.doc, Number(button.dataset.column));
};
