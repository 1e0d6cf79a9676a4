// The page image of a document.
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

byId("zoom-in").onclick = () => zoomPage(ZOOM_STEP);
byId("zoom-out").onclick = () => zoomPage(1 / ZOOM_STEP);
byId("page-back").onclick = () => showPage(pageView.doc, pageView.index - 1);
byId("page-on").onclick = () => showPage(pageView.doc, pageView.index + 1);
