"use strict";
// Tables are complete without this script; it lets readers sort and filter their rows.
(() => {
  const SIZES = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
  const SECONDS = { d: 86400, h: 3600, min: 60, s: 1 };
  const FEWEST_SORTED = 3;
  const FEWEST_FILTERED = 8;
  const words = new Intl.Collator("en", { numeric: true });

  // A number, a string for words, or null for a dash.
  function valueOf(cell) {
    const text = (cell?.textContent ?? "").trim().replaceAll("−", "-");
    if (text === "" || text === "–") return null;
    if (/^(\d+ (d|h|min|s)( |$))+$/.test(text)) {
      const parts = [...text.matchAll(/(\d+) (d|h|min|s)/g)];
      return parts.reduce((sum, [, count, unit]) => sum + count * SECONDS[unit], 0);
    }
    const number = /^[+<>]? ?(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)(?: ([kMGT])\b)?/.exec(text);
    return number ? Number(number[1].replaceAll(",", "")) * (SIZES[number[2]] ?? 1) : text;
  }

  function prepareSorting(table, rows) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const values = new Map(rows.map((row) => [row, valueOf(row.cells[column])]));
      const numeric = ![...values.values()].some((value) => typeof value === "string");
      const turns = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = turns[turns.indexOf(head.getAttribute("aria-sort")) + 1];
        for (const each of heads) each.removeAttribute("aria-sort");
        if (next) head.setAttribute("aria-sort", next);
        table.tBodies[0].append(...(next ? sorted(rows, values, numeric, next) : rows));
      });
    });
  }

  function sorted(rows, values, numeric, order) {
    const compare = numeric ? (a, b) => a - b : (a, b) => words.compare(a, b);
    const sign = order === "ascending" ? 1 : -1;
    return [...rows].sort((first, second) => {
      const [a, b] = [values.get(first), values.get(second)];
      if (a === null || b === null) return (a === null) - (b === null); // dashes last
      return sign * compare(a, b);
    });
  }

  function prepareFiltering(table, rows) {
    const label = document.createElement("label");
    label.className = "filter";
    const box = document.createElement("input");
    box.type = "search";
    box.autocomplete = "off";
    const count = document.createElement("output");
    label.append("Filter rows ", box, count);
    table.parentElement.before(label);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    box.addEventListener("input", () => {
      const asked = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row, index) => {
        row.hidden = !asked.every((word) => texts[index].includes(word));
      });
      const left = rows.filter((row) => !row.hidden).length;
      count.textContent = asked.length ? `${left} of ${rows.length}` : "";
    });
  }

  for (const table of document.querySelectorAll(".wide > table")) {
    if (table.tHead?.rows.length !== 1) continue;
    const rows = [...table.tBodies[0].rows];
    if (rows.length >= FEWEST_SORTED) prepareSorting(table, rows);
    if (rows.length >= FEWEST_FILTERED) prepareFiltering(table, rows);
  }
})();
