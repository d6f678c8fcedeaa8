// What the page shows is kept in its address, so that a link brings it back: #PLACE&KEY=VALUE&…
// PLACE is the id of an element; keys are those of tables, NAME.filter, NAME.sort, NAME.page, NAME.rows, and of the
// search, f, file, class, … If PLACE is left out, the first key says where to look.
const place = (() => {
  const parts = new Map(); // id → { keys: (key) → is it mine, take(params, all), give() → [[key, value], …] }
  let at = "", waiting = 0, typing = "";

  function asked() {
    const text = location.hash.slice(1), cut = text.indexOf("&"), first = cut < 0 ? text : text.slice(0, cut);
    if (first.includes("=")) {
      const params = new URLSearchParams(text), [key] = params.keys();
      return { id: [...parts.keys()].find((name) => parts.get(name).keys(key)) ?? "", params };
    }
    let id = first;
    try { id = decodeURIComponent(first); } catch { /* not made here */ }
    return { id, params: new URLSearchParams(cut < 0 ? "" : text.slice(cut + 1)) };
  }

  // The fragment that brings back what is shown, to be looked at from a place.
  function fragment(id = at) {
    const params = new URLSearchParams();
    const names = [...parts.keys()].sort((a, b) => (b === id) - (a === id));
    for (const name of names) for (const [key, value] of parts.get(name).give()) params.append(key, value);
    const own = parts.get(id)?.give().length;
    return [id && !own ? encodeURIComponent(id) : "", params.toString()].filter(Boolean).join("&");
  }

  function keep(how) {
    clearTimeout(waiting);
    waiting = 0;
    const now = `#${fragment()}`;
    if (now !== location.hash || how === "replaceState") history[how]({ kept: true }, "", now);
  }

  // A part has changed. What is typed is one step back, anything else is one each.
  function changed(id, typed = false) {
    clearTimeout(waiting);
    at = id;
    const tell = () => {
      keep(typed && typing === id ? "replaceState" : "pushState");
      typing = typed ? id : "";
    };
    if (typed) waiting = setTimeout(tell, 400); // browsers refuse to be told at every key
    else tell();
  }

  // Scroll to the place, if it is (still) that one.
  function look(id = at) {
    if (id === at) document.getElementById(at)?.scrollIntoView();
  }

  function follow(all) {
    const { id, params } = asked();
    at = id;
    for (const part of parts.values()) if (all || [...params.keys()].some((key) => part.keys(key))) part.take(params);
  }

  addEventListener("popstate", ({ state }) => {
    clearTimeout(waiting);
    typing = "";
    follow(state?.kept); // back and forward bring back everything, a link what it says
    if (state?.kept) return;
    keep("replaceState");
    look();
  });

  return {
    changed, fragment, look,
    add(id, part) { parts.set(id, part); },
    start() {
      follow(true);
      history.replaceState({ kept: true }, "", location.href);
      if (at) look();
    },
  };
})();
