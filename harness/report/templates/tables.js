// Tables sort, and the longer ones filter and page; for print they are whole again.
const { rows: pageLength, paged, filtered, printed } = document.body.dataset;
const longest = { page: +paged, filter: +filtered, print: +printed };
const figures = (n) => n.toLocaleString("en");

function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

// What a cell sorts by: a number, or text; null if it is missing, which is last in any order.
function valueOf(td, numeric) {
  const { order } = td.dataset, text = td.textContent;
  if (order !== undefined) return order === "" ? null : +order;
  if (!numeric) return text.toLowerCase();
  const number = parseFloat(text.replace(/[^0-9.eE-]/g, ""));
  return Number.isNaN(number) ? null : number;
}

function compare(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  return (a < b ? -1 : a > b ? 1 : 0) * (descending ? -1 : 1);
}

class Grid {
  constructor(table) {
    this.table = table;
    this.box = table.closest(".table");
    this.id = this.box.id;
    this.label = table.getAttribute("aria-label");
    // a body is a group of rows that may end with its total
    this.groups = [...table.tBodies].map((body) => ({
      body, rows: [...body.rows].filter((row) => !row.classList.contains("total")), total: body.querySelector("tr.total"),
    }));
    this.n = this.groups.reduce((n, { rows }) => n + rows.length, 0);
    this.packed = this.box.querySelector("script.rest"); // further rows, until they are unpacked
    const more = +(this.packed?.dataset.rows ?? 0);
    this.rest = this.box.querySelector(".note.rest"); // says so where they cannot be
    if (this.rest) this.rest.hidden = true;
    this.n += more;
    this.lines = more + this.groups.reduce((n, { rows, total }) => n + rows.length + !!total, 0);
    this.length = this.lines > longest.page ? +pageLength : Infinity;
    this.usual = this.length;
    this.reset();
    this.heads = new Map();
    if (!("fixed" in table.dataset) && this.n > 1) this.makeHeads();
    if (this.n > longest.filter) this.makeFilter();
    if (this.lines > longest.page) this.makePager();
    if (this.lines > longest.print && this.box.querySelector(".file")) {
      this.box.append(element("p", { class: "note print-only" },
        `Printed as far as it was shown; all ${figures(this.lines)} rows are in ${table.dataset.name}.csv.`));
    }
    if (this.heads.size || this.input) place.add(this.id, this);
  }

  reset() {
    Object.assign(this, { sort: null, descending: false, filter: "", page: 0, length: this.usual });
  }

  makeHeads() {
    for (const th of this.table.tHead.querySelectorAll("th:not([scope=colgroup])")) {
      const column = +(th.dataset.column ?? th.cellIndex), numeric = th.classList.contains("n");
      const key = th.dataset.key ?? th.textContent;
      const button = element("button", { type: "button" }, ...th.childNodes);
      th.append(button);
      this.heads.set(key, { th, column, numeric });
      th.addEventListener("click", () => {
        const usual = numeric; // numbers: the largest first
        if (this.sort !== key) [this.sort, this.descending] = [key, usual];
        else if (this.descending === usual) this.descending = !usual;
        else this.sort = null;
        this.page = 0;
        this.draw();
        place.changed(this.id);
      });
    }
  }

  makeFilter() {
    this.input = element("input", { type: "search", "aria-label": `Filter ${this.label}`, autocomplete: "off",
      autocapitalize: "off", spellcheck: "false" });
    const head = this.box.querySelector(".tablehead");
    head.insertBefore(element("label", { class: "filter" }, "Filter ", this.input), head.querySelector(".file"));
    this.input.addEventListener("input", () => {
      [this.filter, this.page] = [this.input.value, 0];
      this.draw();
      place.changed(this.id, true);
    });
  }

  makePager() {
    this.info = element("span", { class: "info", role: "status" });
    this.pager = element("span", { class: "pager", role: "navigation", "aria-label": `Pages of ${this.label}` });
    this.lengths = element("select", { "aria-label": `Rows of ${this.label} at a time` },
      ...[this.usual, 100, Infinity].map((n) => new Option(n === Infinity ? "all rows" : `${n} rows`, n)));
    this.lengths.addEventListener("change", () => {
      [this.length, this.page] = [+this.lengths.value, 0];
      this.draw();
      place.changed(this.id);
    });
    this.pager.addEventListener("click", ({ target }) => {
      const { page } = target.dataset;
      if (page === undefined || +page === this.page) return;
      this.page = +page;
      const { top } = this.pager.getBoundingClientRect();
      this.draw();
      scrollBy(0, this.pager.getBoundingClientRect().top - top); // the buttons stay under the pointer
      (this.pager.querySelector(`[data-page="${page}"].${target.className || "number"}`) ??
        this.pager.querySelector(".current"))?.focus({ preventScroll: true });
      place.changed(this.id);
    });
    this.box.querySelector(".scroll").after(element("div", { class: "below" }, this.info, " ", this.lengths, " ", this.pager));
  }

  // The text of a row, for the filter.
  static text(row) {
    row.said ??= [...row.cells].map((td) => td.textContent).join("\t").toLowerCase();
    return row.said;
  }

  // [group, row] of all that the filter and the order leave, totals at the end of their groups.
  arranged() {
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean), head = this.heads.get(this.sort);
    let groups = this.groups;
    const kept = (row) => words.every((word) => Grid.text(row).includes(word));
    const by = (get) => {
      const values = new Map();
      const value = (x) => {
        if (!values.has(x)) values.set(x, valueOf(get(x).cells[head.column], head.numeric));
        return values.get(x);
      };
      return (a, b) => compare(value(a), value(b), this.descending);
    };
    if (head && groups.length > 1 && groups.every(({ total }) => total)) groups = [...groups].sort(by(({ total }) => total));
    const out = [];
    for (const group of groups) {
      const rows = words.length ? group.rows.filter(kept) : [...group.rows];
      if (head) rows.sort(by((row) => row));
      if (group.total && !words.length) rows.push(group.total); // it is the sum of all, not of those that are left
      for (const row of rows) out.push([group, row]);
    }
    return { groups, rows: out, some: words.length > 0 };
  }

  draw() {
    const { groups, rows, some } = this.arranged();
    const pages = Math.max(1, Math.ceil(rows.length / this.length));
    if (!this.packed) this.page = Math.min(this.page, pages - 1);
    const first = this.page ? Math.min(this.page, pages - 1) * this.length : 0, last = Math.min(rows.length, first + this.length);
    const shown = new Map(groups.map((group) => [group, []]));
    for (let i = first; i < last; i++) shown.get(rows[i][0]).push(rows[i][1]);
    for (const group of groups) {
      group.body.replaceChildren(...shown.get(group));
      this.table.insertBefore(group.body, this.table.tFoot);
    }
    if (!rows.length) {
      const td = element("td", { colspan: this.groups[0].rows[0].cells.length, class: "quiet" }, "No row has that.");
      groups[0].body.append(element("tr", {}, td));
    }
    if (this.table.tFoot) this.table.tFoot.hidden = some;
    for (const [key, { th }] of this.heads) {
      if (key !== this.sort) th.removeAttribute("aria-sort");
      else th.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
    }
    if (this.input && this.input.value !== this.filter) this.input.value = this.filter;
    if (this.info) this.tell(rows.length, first, last, pages);
    const sign = this.box.querySelector(".sign");
    if (sign) sign.href = `#${this.give().length ? place.fragment(this.id) : encodeURIComponent(this.id)}`;
  }

  tell(n, first, last, pages) {
    this.info.textContent = (n ? `${figures(first + 1)} to ${figures(last)} of ${figures(n)}` : "none") +
      (n < this.lines && this.filter.trim() ? ` (${figures(this.lines)} in all)` : "");
    this.lengths.value = this.length;
    const near = [...new Set([0, this.page - 1, this.page, this.page + 1, pages - 1])].filter((p) => p >= 0 && p < pages);
    const button = (name, page, text, off) => {
      const made = element("button", { type: "button", class: name, "data-page": page }, text);
      made.disabled = off;
      if (name === "current") made.setAttribute("aria-current", "page");
      else if (name !== "number") made.setAttribute("aria-label", `${name} page`);
      return made;
    };
    const made = [];
    near.forEach((page, i) => {
      if (i && page > near[i - 1] + 1) made.push("\u2026");
      made.push(button(page === this.page ? "current" : "number", page, figures(page + 1), false));
    });
    this.pager.hidden = pages === 1;
    this.pager.replaceChildren(button("previous", Math.max(0, this.page - 1), "\u2039", this.page === 0), ...made,
      button("next", Math.min(pages - 1, this.page + 1), "\u203a", this.page === pages - 1));
  }

  // Of the page's address, see place.js.
  keys(key) {
    const i = key.lastIndexOf(".");
    return i > 0 && key.slice(0, i) === this.id && ["filter", "sort", "page", "rows"].includes(key.slice(i + 1));
  }

  take(params) {
    const said = (key) => params.get(`${this.id}.${key}`);
    this.reset();
    const sort = said("sort") ?? "", name = sort.replace(/^-/, "");
    if (this.heads.has(name)) [this.sort, this.descending] = [name, name !== sort];
    if (this.input) this.filter = said("filter") ?? "";
    if (this.info) {
      const rows = said("rows");
      this.length = rows === "all" ? Infinity : +rows === 100 ? 100 : this.usual;
      this.page = Math.max(0, Math.trunc(+(said("page") ?? 1)) - 1) || 0;
    }
    this.draw();
  }

  give() {
    const out = [];
    if (this.filter.trim()) out.push(["filter", this.filter]);
    if (this.sort) out.push(["sort", `${this.descending ? "-" : ""}${this.sort}`]);
    if (this.length !== this.usual) out.push(["rows", this.length === Infinity ? "all" : this.length]);
    if (this.page) out.push(["page", this.page + 1]);
    return out.map(([key, value]) => [`${this.id}.${key}`, value]);
  }
}

// Names of functions lead to the search.
function lead(cells) {
  if (!document.getElementById("functions-data")) return;
  for (const td of cells) {
    td.append(element("a", { href: `#${new URLSearchParams({ f: td.textContent })}` }, ...td.childNodes));
  }
}
lead(document.querySelectorAll("td.fn"));

const grids = [...document.querySelectorAll("table.data[data-name]")].map((table) => new Grid(table));
for (const grid of grids) if (grid.heads.size || grid.input || grid.info) grid.draw();

// The further rows of long tables; what shows them does not wait for them.
const complete = Promise.all(grids.filter(({ packed }) => packed).map(async (grid) => {
  const bytes = await unpacked(grid.packed);
  if (!bytes) {
    grid.lines = grid.groups[0].rows.length;
    grid.rest.hidden = false;
  } else {
    const template = document.createElement("template");
    template.innerHTML = `<table><tbody>${new TextDecoder().decode(bytes)}</tbody></table>`;
    lead(template.content.querySelectorAll("td.fn"));
    grid.groups[0].rows.push(...template.content.querySelectorAll("tr"));
    grid.rest.remove();
  }
  grid.packed.remove();
  grid.packed = null;
  grid.draw();
}));

// Print: every row of a table that is not too long. Chromium tells by beforeprint, an emulated medium only by the query.
let whole = null;
function unfold() {
  whole ??= grids.filter((grid) => grid.info && grid.lines <= longest.print && grid.length < grid.lines)
    .map((grid) => {
      const { length, page } = grid;
      Object.assign(grid, { length: Infinity, page: 0 }).draw();
      return [grid, { length, page }];
    });
}
function fold() {
  for (const [grid, before] of whole ?? []) Object.assign(grid, before).draw();
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
  const open = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", open);
  open();
  contents.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) contents.open = false;
  });
}
