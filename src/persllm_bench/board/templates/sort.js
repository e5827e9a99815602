document.querySelectorAll("table.sortable thead th").forEach(head => {
  const table = head.closest("table"), place = head.cellIndex, button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    const key = row => { const cell = row.cells[place], v = cell.dataset.v ?? cell.textContent.trim(); return v === "" || isNaN(v) ? v.toLowerCase() : Number(v); };
    const order = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : typeof a === "number" ? -1 : typeof b === "number" ? 1 : a.localeCompare(b);
    const rows = [...table.tBodies[0].rows].sort((a, b) => order(key(a), key(b)) * (down ? -1 : 1));
    table.tBodies[0].append(...rows);
    table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  });
});
