// Boxes on the page image, round the places where a row's value is printed.
let placedRow = null;

// Boxes lie over the image and are as large as it; places are in thousandths of the page.
new ResizeObserver(() => {
  byId("boxes").style.width = `${byId("page").offsetWidth}px`;
  byId("boxes").style.height = `${byId("page").offsetHeight}px`;
}).observe(byId("page"));

function createBox([, left, top, right, bottom]) {
  const box = createNode("div", { class: "box" });
  const sides = { left, top, width: right - left, height: bottom - top };
  for (const [side, share] of Object.entries(sides)) box.style[side] = `${share / 10}%`;
  return box;
}

const findPlaces = (row) => pageView.doc?.places?.[row] ?? [];

// The boxes of the row on the page that is shown.
function showBoxes() {
  const boxes = findPlaces(placedRow).filter(([page]) => page === pageView.index).map(createBox);
  byId("boxes").replaceChildren(...boxes);
  return boxes;
}

// Turns to the first place of the row's value, and says where none is known.
function showPlace(doc, row) {
  placedRow = row;
  const places = findPlaces(row);
  if (places.length && !places.some(([page]) => page === pageView.index)) showPage(doc, places[0][0]);
  const [first] = showBoxes();
  first?.scrollIntoView({ block: "nearest", inline: "nearest" });
  const isUnknown = doc.pages.length > 0 && !places.length;
  byId("place-note").textContent = isUnknown
    ? `${escapeInvisible(doc.paths[row])}: ${translate("the place on the page is not known")}` : "";
}

function showNoPlace() {
  placedRow = null;
  showBoxes();
  byId("place-note").textContent = "";
}

for (const name of ["page-back", "page-on"]) byId(name).addEventListener("click", showBoxes);
byId("fields").addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-row]");
  const isOtherButton = event.target.closest("pre, .value button, button[data-column]");
  if (row && !isOtherButton) showPlace(pageView.doc, Number(row.dataset.row));
});
