// Tables sort, and the longer ones filter and page; for print they are whole again.
const { rows: pageLength, paged, filtered, printed } = document.body.dataset;
const longest = { page: +paged, filter: +filtered, print: +printed };

function enhance(table) {
  const rows = table.tBodies[0]?.rows.length ?? 0;
  if (rows < 2) return null;
  const frame = table.parentElement;
  const label = frame.getAttribute("aria-label");
  const paging = rows > longest.page;
  const data = new DataTable(table, {
    autoWidth: false,
    order: [],
    paging,
    pageLength: +pageLength,
    lengthMenu: [+pageLength, 100, { label: "all", value: -1 }],
    searching: rows > longest.filter,
    info: paging,
    layout: {
      topStart: rows > longest.filter ? "search" : null,
      topEnd: null,
      bottomStart: paging ? "info" : null,
      bottomEnd: paging ? ["pageLength", "paging"] : null,
    },
    columnDefs: [{ targets: "n", orderSequence: ["desc", "asc", ""] }],
    language: {
      search: "Filter",
      info: "_START_ to _END_ of _TOTAL_",
      infoEmpty: "none",
      infoFiltered: "(_MAX_ in all)",
      lengthMenu: "_MENU_ rows",
      zeroRecords: "No row has that.",
      thousands: ",",
    },
  });
  const container = data.table().container();
  // the scrolling frame is around the table alone, so that its controls stay
  frame.classList.remove("scroll");
  for (const name of ["role", "tabindex", "aria-label"]) frame.removeAttribute(name);
  const inner = table.parentElement;
  inner.classList.add("scroll");
  inner.setAttribute("role", "region");
  inner.setAttribute("aria-label", label);
  inner.tabIndex = 0;
  const box = container.querySelector(".dt-search");
  if (box) {
    const row = box.closest(".dt-layout-row");
    const head = frame.closest(".table").querySelector(".tablehead");
    head.insertBefore(box, head.querySelector(".file"));
    row.remove();
    box.querySelector("input").setAttribute("aria-label", `Filter ${label}`);
  }
  if (rows > longest.print && frame.closest(".table").querySelector(".file")) {
    const note = document.createElement("p");
    note.className = "note print-only";
    note.textContent = `Printed as far as it was shown; all ${rows.toLocaleString("en")} rows are in ` +
      `${table.dataset.name}.csv.`;
    frame.after(note);
  }
  return { data, rows };
}

// Names of functions lead to the search; before DataTables takes the rows of other pages away.
if (document.getElementById("functions-data")) {
  for (const td of document.querySelectorAll("td.fn")) {
    const a = document.createElement("a");
    a.href = `#${new URLSearchParams({ f: td.textContent })}`;
    a.append(...td.childNodes);
    td.append(a);
  }
}
let enhanced = [];
document.body.hidden = true; // one layout for all tables, not one for each
try {
  enhanced = [...document.querySelectorAll("table.data[data-name]")].map(enhance).filter(Boolean);
} finally {
  document.body.hidden = false;
}

// Print: every row of a table that is not too long. Chromium tells by beforeprint, an emulated medium only by the query.
let whole = null;
function unfold() {
  if (whole) return;
  whole = enhanced.filter(({ data, rows }) => rows <= longest.print && data.page.len() >= 0 && data.page.info().pages > 1)
    .map(({ data }) => [data, data.page.len(), data.page()]);
  for (const [data] of whole) data.page.len(-1).draw();
}
function fold() {
  for (const [data, length, page] of whole ?? []) data.page.len(length).page(page).draw("page");
  whole = null;
}
addEventListener("beforeprint", unfold);
addEventListener("afterprint", fold);
matchMedia("print").addEventListener("change", (event) => (event.matches ? unfold() : fold()));

// Only what does scroll is a stop for the keyboard.
const scrolling = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const frame of document.querySelectorAll(".scroll")) scrolling.observe(frame);

// The contents are open where there is room beside the text.
const contents = document.querySelector("#contents details");
if (contents) {
  const narrow = matchMedia("(max-width: 64rem)");
  const follow = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", follow);
  follow();
  contents.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) contents.open = false;
  });
}

// Paging the tables moved what a link into the page points at.
document.querySelector(":target")?.scrollIntoView();
document.documentElement.dataset.ready = "tables";
