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
  const packed = atob($("functions-data").textContent);
  const bytes = Uint8Array.from(packed, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const raw = JSON.parse(await new Response(stream).text());
  const rows = raw.rows, columns = {};
  for (const [key, value] of Object.entries(raw)) {
    if (Array.isArray(value) && value.length === 2 && Array.isArray(value[0]) && !["name", "symbol"].includes(key)) {
      columns[key] = { values: value[0], codes: Int32Array.from(value[1]) };
    }
  }
  let address = 0n;
  raw.address = raw.address.map((step) => {
    address += BigInt(step);
    return "0x" + address.toString(16).padStart(raw.width, "0");
  });
  const numbers = new Map(), number = new Int32Array(rows); // of names, so that distinct ones are counted fast
  raw.name.forEach((name, i) => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    number[i] = numbers.get(name);
  });
  const symbol = raw.symbol.map((s, i) => (s === "+" ? raw.name[i] : s[0] === "+" ? raw.name[i] + s.slice(1) : s.slice(1)));
  const other = Uint8Array.from(raw.symbol, (s) => s !== "" && s !== "+");
  return { rows, columns, policies: raw.policies, name: raw.name, low: raw.name.map((n) => n.toLowerCase()), symbol, other,
    number, names: numbers.size, address: raw.address, width: raw.width, line: raw.line, orders: {} };
}

function load() {
  loading ??= (async () => {
    status.textContent = "Unpacking …";
    if (typeof DecompressionStream === "undefined") {
      status.textContent = "This browser cannot unpack the functions; functions.csv of each result has them.";
      return;
    }
    data = await unpack();
    for (const select of selects) offer(select);
    read();
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
    const place = value("file", i), line = data.line[i], unit = value("unit", i), section = value("section", i);
    cell(row, "name", data.name[i], symbolOf(i));
    cell(row, "code", data.address[i], section === ".text" ? "" : section);
    cell(row, "", value("ftrace", i));
    cell(row, "path", place && line ? `${place}:${line}` : place, unit === place ? "" : `in ${unit}`);
    cell(row, "", value("class", i));
    leftOut(row, i);
    rows.append(row);
  }
  tbody.append(rows);
  const left = found.length - shown;
  more.hidden = left <= 0;
  more.textContent = `${Math.min(left, 5 * PAGE).toLocaleString("en")} more of ${left.toLocaleString("en")}`;
}

// The address of the page keeps the search: #f=NAME&file=PATH&class=CLASS&...
function fields() {
  return [["f", query], ["file", file], ...selects.map((s) => [s.dataset.column, s])];
}
let kept = 0;
function keep() {
  clearTimeout(kept);
  kept = setTimeout(() => {
    const said = new URLSearchParams();
    for (const [key, field] of fields()) if (field.value) said.set(key, field.value);
    history.replaceState(null, "", said.size ? `#${said}` : "#function-search");
  }, 400); // browsers refuse to be told at every key
}
function asked() {
  const said = new URLSearchParams(location.hash.slice(1));
  return location.hash.includes("=") && fields().some(([key]) => said.has(key)) ? said : null;
}
function read() {
  const said = asked();
  if (!said) return;
  for (const [key, field] of fields()) field.value = said.get(key) ?? "";
  for (const select of selects) if (select.selectedIndex < 0) select.value = "";
}
async function follow() {
  if (!asked()) return;
  $("function-search").scrollIntoView();
  if (data) {
    read();
    search();
  } else await load();
  $("function-search").scrollIntoView();
}

let waiting = 0;
for (const input of [query, file]) {
  input.addEventListener("input", async () => {
    await load();
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { search(); keep(); });
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
  for (const [, field] of fields()) field.value = "";
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
  });
}

new IntersectionObserver((entries, self) => {
  if (entries.some((e) => e.isIntersecting)) {
    self.disconnect();
    load();
  }
}, { rootMargin: "200px" }).observe(area);
addEventListener("hashchange", follow);
follow();
document.documentElement.dataset.ready = "search";
