"use strict";
(() => {
  const table = document.getElementById("rows");
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const search = document.getElementById("search");
    const status = document.getElementById("status");
    const kind = document.getElementById("kind");
    const shown = document.getElementById("shown");
    const none = document.getElementById("none");
    const number = new Intl.NumberFormat("en");
    const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
    const texts = rows.map((row) => row.textContent.toLowerCase());

    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, index) => {
        const { status: its, kind: of, failed } = row.dataset;
        const fits =
          (!status.value || its === status.value || (status.value === "failed" && failed !== undefined)) &&
          (!kind.value || of === kind.value) &&
          words.every((word) => texts[index].includes(word));
        row.hidden = !fits;
        count += fits;
      });
      shown.textContent = `${number.format(count)} of ${number.format(rows.length)} shown`;
      none.hidden = count > 0;
    };
    search.addEventListener("input", filter);
    status.addEventListener("change", filter);
    kind.addEventListener("change", filter);

    const headings = [...table.tHead.rows[0].cells];
    const value = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    headings.forEach((heading, column) => {
      const button = heading.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = rows.map((row, index) => [value(row, column), index, row]);
        // what is empty comes last either way
        keyed.sort(
          ([a, i], [b, j]) => (a === "") - (b === "") || order.compare(a, b) * (down ? -1 : 1) || i - j,
        );
        body.append(...keyed.map(([, , row]) => row));
      });
    });
    filter();
  }

  const chart = document.querySelector("svg.timeline");
  const data = document.getElementById("use");
  if (chart && data) {
    const { start, end, peaks, writes, limit, window: seconds } = JSON.parse(data.textContent);
    const cursor = document.getElementById("cursor");
    const readout = document.getElementById("readout");
    const before = readout.textContent;
    const left = Number(chart.dataset.left);
    const step = Number(chart.dataset.step);
    chart.addEventListener("pointermove", (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
      const column = Math.min(Math.max(Math.floor((point.x - left) / step), 0), peaks.length - 1);
      const at = new Date((start + ((column + 0.5) * (end - start)) / peaks.length) * 1000);
      const x = left + (column + 0.5) * step;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.setAttribute("visibility", "visible");
      const of = limit ? ` of ${limit}` : "";
      const sent = `${peaks[column]}${of} in the last ${seconds} s, ${writes[column]} for rows`;
      readout.textContent = `${at.toISOString().slice(11, 19)} UTC: ${sent}`;
    });
    chart.addEventListener("pointerleave", () => {
      cursor.setAttribute("visibility", "hidden");
      readout.textContent = before;
    });
  }
})();
