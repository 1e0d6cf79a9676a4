// Tables that are sorted by a click on a head: by what a cell says in data-sort, else by its text.
// What is not known comes last, whichever way it is sorted.
const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

function getSortKey(row, column) {
  const cell = row.cells[column];
  const key = cell.dataset.sort ?? cell.textContent;
  return key === "" || key === "-" ? null : key;
}

function compareKeys(one, other) {
  const difference = Number(one) - Number(other);
  return Number.isNaN(difference) ? collator.compare(one, other) : difference;
}

function compareRows(column, direction) {
  return (one, other) => {
    const keys = [getSortKey(one, column), getSortKey(other, column)];
    if (keys.includes(null)) return (keys[0] === null) - (keys[1] === null);
    return direction * compareKeys(...keys);
  };
}

function sortTable(table, head) {
  const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  const [body] = table.tBodies;
  body.append(...[...body.rows].sort(compareRows(head.cellIndex, direction)));
}

function makeSortable(table) {
  for (const head of table.tHead.rows[0].cells) {
    const button = createNode("button", { type: "button", class: "sort", title: translate("sort by this column") },
      ...head.childNodes);
    button.onclick = () => sortTable(table, head);
    head.replaceChildren(button);
  }
}

for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
