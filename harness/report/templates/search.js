// The search over all function instances. Its data are unpacked when somebody comes near it; see harness/report/search.py.
const $ = (id) => document.getElementById(id);
const area = $("fs"), query = $("fs-q"), file = $("fs-file"), status = $("fs-status"), more = $("fs-more");
const tbody = $("fs-table").tBodies[0], heads = [...document.querySelectorAll("#fs-table th[data-sort]")];
const selects = [...area.querySelectorAll("select")];
const PAGE = 100, NONE = "(none)", KEPT = "(encoded)", LEFT = "(left out)", SITE = { 1: "yes", 0: "no" };
const count = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
let data = null, loading = null, found = [], shown = 0, sort = { key: "", descending: false };
area.hidden = false;

async function unpack() {
  const bytes = await unpacked($("functions-data"));
  if (!bytes) return null;
  let at = bytes.indexOf(10) + 1;
  const text = (part) => new TextDecoder().decode(part);
  const head = JSON.parse(text(bytes.subarray(0, at))), { rows, width, policies, values } = head;
  const streams = Object.fromEntries(head.streams.map(([name, n]) => [name, bytes.subarray(at, (at += n))]));
  const lines = (name) => text(streams[name]).split("\n");

  const columns = {};
  for (const [key, all] of Object.entries(values)) {
    const stream = streams[key], codes = new Int32Array(rows);
    for (let byte = 0; byte * rows < stream.length; byte++) {
      for (let i = 0; i < rows; i++) codes[i] |= stream[byte * rows + i] << (8 * byte);
    }
    columns[key] = { values: all, codes };
  }

  const rests = lines("name"), name = new Array(rows);
  for (let i = 0, before = ""; i < rows; i++) name[i] = before = before.slice(0, streams.shared[i]) + rests[i];
  const steps = leb128(streams.address), address = new Array(rows);
  for (let i = 0, sum = 0n; i < rows; i++) {
    sum += BigInt(steps());
    address[i] = "0x" + sum.toString(16).padStart(width, "0");
  }
  const { codes } = columns.file, number = leb128(streams.line), line = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const folded = number(), step = folded % 2 ? -(folded + 1) / 2 : folded / 2;
    line[i] = i && codes[i] === codes[i - 1] ? line[i - 1] + step : step;
  }
  const told = lines("symbol");
  const symbol = name.map((n, i) => (told[i][0] === "+" ? n + told[i].slice(1) : told[i].slice(1)));
  const other = Uint8Array.from(told, (s) => s !== "" && s !== "+");

  const numbers = new Map(), numbered = new Int32Array(rows); // of names, so that distinct ones are counted fast
  name.forEach((n, i) => {
    if (!numbers.has(n)) numbers.set(n, numbers.size);
    numbered[i] = numbers.get(n);
  });
  return { rows, columns, policies, name, low: name.map((n) => n.toLowerCase()), symbol, other, number: numbered,
    names: numbers.size, address, width, line, orders: {} };
}

// A function that gives the next number of a stream: a BigInt where a double would round it.
function leb128(bytes) {
  let at = 0;
  return () => {
    const start = at;
    while (bytes[at] > 127) at++;
    at++;
    let number = 0, big = 0n;
    for (let i = at - 1; i >= start; i--) {
      if (at - start < 8) number = number * 128 + (bytes[i] & 127);
      else big = big * 128n + BigInt(bytes[i] & 127);
    }
    return at - start < 8 ? number : big;
  };
}

function load() {
  loading ??= (async () => {
    status.textContent = "Unpacking …";
    data = await unpack();
    if (!data) {
      status.textContent = "This browser cannot unpack the functions; functions.csv of each result has them.";
      return;
    }
    for (const select of selects) offer(select);
    if (wanted) fill(wanted);
    search();
  })();
  return loading;
}

// What a column says of a row.
function value(key, i) {
  const { values, codes } = data.columns[key];
  const text = values[codes[i]];
  return key === "ftrace" ? SITE[text] ?? "" : text;
}

function offer(select) {
  const key = select.dataset.column, policy = "policy" in select.dataset;
  const { values, codes } = data.columns[key], counts = new Array(values.length).fill(0);
  for (const code of codes) counts[code]++;
  const words = values.map((text) => (text === "" ? (policy ? KEPT : NONE) : key === "ftrace" ? SITE[text] : text));
  const rows = words.map((text, i) => [text, counts[i]]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const encoded = counts[values.indexOf("")] ?? 0;
  if (policy) rows.splice(rows[0]?.[0] === KEPT ? 1 : 0, 0, [LEFT, data.rows - encoded]);
  select.replaceChildren(new Option("any", ""), ...rows.map(([text, n]) =>
    new Option(`${text.replace(/^\((.*)\)$/, "$1")} (${n.toLocaleString("en")})`, text)));
}

// Row numbers in the order of a column; rows are by address.
function order(key) {
  if (!(key in data.orders)) {
    const all = Int32Array.from({ length: data.rows }, (_, i) => i);
    const { name } = data;
    const byName = (a, b) => (name[a] < name[b] ? -1 : name[a] > name[b] ? 1 : a - b);
    if (key === "name") all.sort(byName);
    else if (key !== "address") {
      const { values, codes } = data.columns[key];
      const rank = new Int32Array(values.length);
      values.map((v, i) => [v, i]).sort((a, b) => (a[0] === "") - (b[0] === "") || (a[0] < b[0] ? -1 : 1))
        .forEach(([, i], place) => { rank[i] = place; });
      const { line } = data;
      all.sort((a, b) => rank[codes[a]] - rank[codes[b]] || (key === "file" ? line[a] - line[b] : 0) || a - b);
    }
    data.orders[key] = all;
  }
  return data.orders[key];
}

function pattern(glob) {
  const text = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
  return new RegExp(`^${text}$`, "s");
}

// A test of texts (as they are, in lower case) for what somebody typed.
function matcher(text) {
  const expression = /^\/(.+)\/(i?)$/s.exec(text);
  if (expression) {
    const compiled = new RegExp(expression[1], expression[2]);
    return { rough: true, test: (t) => compiled.test(t) };
  }
  const lower = text === text.toLowerCase();
  if (/[*?]/.test(text)) {
    const compiled = pattern(text);
    return { rough: true, test: lower ? (t, low) => compiled.test(low) : (t) => compiled.test(t) };
  }
  return { rough: false, test: lower ? (t, low) => low.includes(text) : (t) => t.includes(text) };
}

function fileTest(text) {
  if (!text) return null;
  const [, path, line] = /^(.*?)(?::(\d+))?$/s.exec(text);
  const { test } = matcher(/[*?]/.test(path) && !path.startsWith("*") ? `*${path}` : path);
  const has = (key) => data.columns[key].values.map((v) => v !== "" && test(v, v.toLowerCase()));
  const files = has("file"), units = has("unit");
  const { file: f, unit: u } = data.columns;
  return (i) => (files[f.codes[i]] || (line === undefined && units[u.codes[i]])) &&
    (line === undefined || data.line[i] === +line);
}

function columnTests() {
  const tests = [];
  for (const select of selects) {
    if (!select.value) continue;
    const { values, codes } = data.columns[select.dataset.column];
    const site = select.dataset.column === "ftrace";
    const wanted = values.map((text) => (select.value === LEFT ? text !== "" : [KEPT, NONE].includes(select.value)
      ? text === "" : (site ? SITE[text] : text) === select.value));
    tests.push((i) => wanted[codes[i]]);
  }
  return tests;
}

// The address that somebody typed, as the column has it.
function addressOf(text) {
  const m = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text);
  if (!m || (!/^0x/i.test(text) && !(m[1].length >= 8 && /\d/.test(m[1])))) return null;
  return "0x" + m[1].toLowerCase().padStart(data.width, "0");
}

// The last row whose address is not above: addresses of one width compare as text.
function below(address) {
  let low = 0, high = data.rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (data.address[middle] <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function search() {
  if (!data) return;
  const text = query.value.trim();
  let said = "", test;
  try {
    const tests = columnTests(), inFile = fileTest(file.value.trim());
    if (inFile) tests.push(inFile);
    test = tests.length === 0 ? () => true : tests.length === 1 ? tests[0] : (i) => tests.every((t) => t(i));
    found = matching(text, test);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    found = [];
    said = "That pattern is not a regular expression. ";
  }
  const address = text && addressOf(text);
  if (address && !found.length && !said) {
    const i = address.length === data.width + 2 ? below(address) : -1;
    if (i >= 0 && BigInt(data.address[i]) > 0n && test(i)) {
      const past = BigInt(address) - BigInt(data.address[i]);
      found = [i];
      said = `No function begins at ${address}; the nearest one below begins 0x${past.toString(16)} earlier; ` +
        "its length is not known. ";
      for (let j = i - 1; j >= 0 && data.address[j] === data.address[i]; j--) found.unshift(j);
    }
  }
  const seen = new Uint8Array(data.names);
  let names = 0;
  for (const i of found) if (!seen[data.number[i]]) seen[data.number[i]] = ++names && 1;
  status.textContent = said + (found.length === data.rows ? `All ${count(found.length, "instance")}.` : found.length
    ? `${count(found.length, "instance")}, ${count(names, "name")}.` : "No function has that.");
  for (const head of heads) {
    const mine = sort.key === head.dataset.sort;
    head.setAttribute("aria-sort", mine ? (sort.descending ? "descending" : "ascending") : "none");
  }
  shown = 0;
  tbody.replaceChildren();
  extend(PAGE);
}

function matching(text, test) {
  const out = [];
  if (!text) {
    const rows = order(sort.key || "address");
    for (const i of rows) if (test(i)) out.push(i);
    return sort.descending ? out.reverse() : out;
  }
  const address = addressOf(text);
  const { name, low, symbol, other } = data, { rough, test: says } = matcher(text);
  const lower = text.toLowerCase(), exact = [], prefix = [];
  for (const i of order(sort.key || "name")) {
    const hit = address && data.address[i] === address;
    if (!hit && !says(name[i], low[i]) && !(other[i] && says(symbol[i], symbol[i].toLowerCase()))) continue;
    if (!test(i)) continue;
    if (sort.key || rough) out.push(i);
    else if (hit || low[i] === lower) exact.push(i);
    else if (low[i].startsWith(lower)) prefix.push(i);
    else out.push(i);
  }
  if (sort.key) return sort.descending ? out.reverse() : out;
  return exact.concat(prefix, out);
}

// Text that may break after a slash.
function write(element, text) {
  for (const part of text ? text.split(/(?<=\/)/) : []) element.append(part, document.createElement("wbr"));
}

function cell(row, name, text, under) {
  const td = row.insertCell();
  td.className = name;
  write(td, text);
  if (under) {
    const small = document.createElement("small");
    write(small, under);
    td.append(small);
  }
  return td;
}

// How a symbol was found, unless it is just the name.
function symbolOf(i) {
  const match = value("match", i), symbol = data.symbol[i];
  return match === "exact" && symbol === data.name[i] ? "" : symbol && symbol !== data.name[i] ? `${match}: ${symbol}` : match;
}

// Which policies leave a row out, by reason.
function leftOut(row, i) {
  const reasons = new Map();
  for (const policy of data.policies) {
    const reason = value(policy, i);
    if (reason) reasons.set(reason, [...(reasons.get(reason) ?? []), policy]);
  }
  const td = cell(row, reasons.size ? "reason" : "quiet", reasons.size ? "" : "\u2013");
  for (const [reason, by] of reasons) {
    const line = document.createElement("div"), who = document.createElement("span");
    line.textContent = reason;
    who.textContent = ` (${by.length === data.policies.length ? "by all" : by.join(", ")})`;
    line.append(who);
    td.append(line);
  }
}

function extend(n) {
  const rows = document.createDocumentFragment();
  const stop = Math.min(found.length, shown + n);
  for (; shown < stop; shown++) {
    const i = found[shown], row = document.createElement("tr");
    const path = value("file", i), line = data.line[i], unit = value("unit", i), section = value("section", i);
    cell(row, "name", data.name[i], symbolOf(i));
    cell(row, "code", data.address[i], section === ".text" ? "" : section);
    cell(row, "", value("ftrace", i));
    cell(row, "path", path && line ? `${path}:${line}` : path, unit === path ? "" : `in ${unit}`);
    cell(row, "", value("class", i));
    leftOut(row, i);
    rows.append(row);
  }
  tbody.append(rows);
  const left = found.length - shown;
  more.hidden = left <= 0;
  more.textContent = `${Math.min(left, 5 * PAGE).toLocaleString("en")} more of ${left.toLocaleString("en")}`;
}

// The page's address keeps the search: #f=NAME&file=PATH&class=CLASS&…, see place.js.
const fields = [["f", query], ["file", file], ...selects.map((s) => [s.dataset.column, s])];
let wanted = null; // what the address says before the data are there, and with them what may be chosen
function fill(params) {
  for (const [key, field] of fields) field.value = params.get(key) ?? "";
  for (const select of selects) if (select.selectedIndex < 0) select.value = "";
  const order = params.get("order") ?? "", key = order.replace(/^-/, "");
  sort = heads.some((head) => head.dataset.sort === key) ? { key, descending: key !== order }
    : { key: "", descending: false };
  wanted = null;
}
place.add("function-search", {
  keys: (key) => key === "order" || fields.some(([name]) => name === key),
  take(params) {
    const nothing = ![...params.keys()].some(this.keys);
    if (!data) {
      wanted = nothing ? null : params;
      for (const [key, field] of fields.slice(0, 2)) field.value = params.get(key) ?? "";
      if (!nothing) load().then(() => place.look("function-search"));
      return;
    }
    fill(params);
    search();
  },
  give() {
    if (wanted) return [...wanted].filter(([key]) => this.keys(key));
    const order = sort.key ? [["order", `${sort.descending ? "-" : ""}${sort.key}`]] : [];
    return [...fields.filter(([, field]) => field.value).map(([key, field]) => [key, field.value]), ...order];
  },
});
const keep = (typed) => place.changed("function-search", typed);

let waiting = 0;
for (const [key, input] of fields.slice(0, 2)) {
  input.addEventListener("input", async () => {
    wanted?.set(key, input.value);
    await load();
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { search(); keep(true); });
  });
  input.addEventListener("focus", load);
}
for (const select of selects) {
  select.addEventListener("focus", load);
  select.addEventListener("change", () => { search(); keep(); });
}
more.addEventListener("click", () => {
  const first = shown;
  extend(5 * PAGE);
  if (more.hidden) tbody.rows[first]?.scrollIntoView({ block: "nearest" });
});
$("fs-clear").addEventListener("click", () => {
  for (const [, field] of fields) field.value = "";
  sort = { key: "", descending: false };
  search();
  keep();
  query.focus();
});
for (const head of heads) {
  head.querySelector("button").addEventListener("click", async () => {
    const key = head.dataset.sort;
    if (sort.key !== key) sort = { key, descending: false };
    else if (!sort.descending) sort = { key, descending: true };
    else sort = { key: "", descending: false };
    await load();
    search();
    keep();
  });
}

new IntersectionObserver((entries, self) => {
  if (entries.some((e) => e.isIntersecting)) {
    self.disconnect();
    load();
  }
}, { rootMargin: "200px" }).observe(area);

// A slash leads to the search from anywhere, as does its link above.
function come() {
  $("function-search").scrollIntoView();
  query.focus({ preventScroll: true });
  query.select();
}
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  event.preventDefault();
  come();
});
for (const link of document.querySelectorAll("a[data-search]")) link.addEventListener("click", () => setTimeout(come));
