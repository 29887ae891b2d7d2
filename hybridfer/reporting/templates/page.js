"use strict";
(() => {
  const said = document.createElement("p");
  said.className = "unseen";
  said.setAttribute("aria-live", "polite");
  document.body.append(said);

  // undefined sorts behind everything, whatever the order
  const valueOf = (row, column, isFigure) => {
    const cell = row.cells[column];
    if (!isFigure) return cell.textContent.trim().toLowerCase();
    return "value" in cell.dataset ? Number(cell.dataset.value) : undefined;
  };

  const compare = (a, b, sign) => {
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
  };

  const sortBy = (table, heading) => {
    const isFigure = heading.classList.contains("number");
    const first = isFigure ? "descending" : "ascending";
    const second = isFigure ? "ascending" : "descending";
    const order = heading.getAttribute("aria-sort") === first ? second : first;
    const body = table.tBodies[0];
    const sign = order === "ascending" ? 1 : -1;
    const column = heading.cellIndex;
    const rows = Array.from(body.rows, (row) => [valueOf(row, column, isFigure), row]);
    rows.sort((a, b) => compare(a[0], b[0], sign));
    body.append(...rows.map((pair) => pair[1]));
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", other === heading ? order : "none");
    said.textContent = `Sorted by ${heading.querySelector(".title").textContent}, ${order}.`;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sortBy(table, heading));
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
    }
  }
})();
