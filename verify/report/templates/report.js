// Makes the columns of every table sortable. Without it the tables are as the run wrote them.
"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const next = { none: "ascending", ascending: "descending", descending: "none" };

  // What a cell is sorted by: the number in its data-sort, otherwise its words.
  const key = (row, column) => {
    const { dataset, textContent } = row.cells[column];
    return dataset.sort ? Number(dataset.sort) : (dataset.sort ?? textContent.trim());
  };

  const compare = (x, y) => (typeof x === "number" && typeof y === "number" ? x - y : collator.compare(x, y));

  const sort = (table, column, order) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => a.dataset.place - b.dataset.place);
    if (order !== "none") {
      const sign = order === "ascending" ? 1 : -1;
      rows.sort((a, b) => {
        const [x, y] = [key(a, column), key(b, column)];
        // Empty cells stay last.
        if (x === "" || y === "") return (x === "") - (y === "");
        return sign * compare(x, y);
      });
    }
    body.append(...rows);
  };

  const prepare = (table) => {
    // Style sheets that turn a table into cards take these roles away.
    table.setAttribute("role", "table");
    for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
    for (const row of table.rows) row.setAttribute("role", "row");
    for (const cell of table.querySelectorAll("tbody td")) cell.setAttribute("role", "cell");
    for (const cell of table.querySelectorAll("tbody th")) cell.setAttribute("role", "rowheader");
    [...table.tBodies[0].rows].forEach((row, place) => { row.dataset.place = place; });
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      header.setAttribute("role", "columnheader");
      if (table.tBodies[0].rows.length < 2) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const order = next[header.getAttribute("aria-sort")];
        for (const other of headers) other.setAttribute("aria-sort", "none");
        header.setAttribute("aria-sort", order);
        sort(table, column, order);
      });
    });
    table.classList.add("sortable");
  };

  for (const table of document.querySelectorAll("table")) prepare(table);

  // Paper shows everything.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
    opened = [];
  });
})();
