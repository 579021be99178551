// ---- another version ------------------------------------------------------------------------
//
// The page is asked for anew and taken up in place, so that scroll, focus and what was typed
// stay. A reload it is where that would not be the page that the server means: public files
// changed (the same address, another content), the scripts are others, the answer is no HTML or
// has another status. What answers a form is never asked for again without being told to: that
// would send the form again.

const RELOADED = "nova:reload";

// Counts the updates: an answer that comes after a newer question is thrown away.
let turn = 0;

function renew(version) {
  if (own) return update(null);
  if (!version) return;
  if (version === served.version) {
    remember(null);
    return;
  }
  if (!served.version || revision(version) !== revision(served.version)) reload(version);
  else if (served.method) offer();
  else update(version);
}

// A version is that of the code, and how often public files have changed.
function revision(version) {
  return version.slice(version.lastIndexOf(".") + 1);
}

// These public files are others.
function refresh(version, files) {
  if (own) return update(null);
  if (!served.version) return;
  if (files.length === 0 || files.some(shows)) return reload(version);
  const code = served.version.slice(0, served.version.lastIndexOf(".") + 1);
  served = { ...served, version: code + revision(version) };
}

// Whether this page shows a file as it was before it became what it is.
function shows({ path, at }) {
  const here = pathOf(location.href);
  if ([here, `${here}.html`, `${here}index.html`, `${here}/index.html`].includes(path)) {
    return performance.timeOrigin < at;
  }
  // Browsers say nothing of the icon that they loaded.
  const icons = [...document.querySelectorAll("link[rel~=icon]")].map((it) => pathOf(it.href));
  if (path.startsWith("/favicon.") || icons.includes(path)) return true;
  return performance.getEntriesByType("resource").some(
    (it) => pathOf(it.name) === path && performance.timeOrigin + it.startTime < at,
  );
}

// The path of an address of this server, decoded.
function pathOf(address) {
  try {
    const url = new URL(address, location.href);
    return url.origin === location.origin ? decodeURIComponent(url.pathname) : null;
  } catch {
    return null;
  }
}

async function update(version) {
  const mine = ++turn;
  const before = served.version;
  let page;
  try {
    page = await ask();
  } catch {
    // The server is away. What it says when it is back brings us here again.
    return;
  }
  if (mine !== turn) return;
  if (!page) return reload(version);
  await dress(page.document);
  if (mine !== turn) return;
  morph(page.document);
  const { style } = served;
  // The styles are those of the head, which may be newer than the answer.
  served = { ...page.served, style };
  problems.panics = served.panic ? [JSON.parse(served.panic)] : [];
  show();
  document.dispatchEvent(new CustomEvent("nova:update", { detail: { version: served.version } }));
  if (version && served.version === before) reload(version);
}

// What the server answers at this address now; `null` if that cannot be taken up in place.
async function ask() {
  const response = await fetch(location.href, {
    cache: "no-store",
    headers: { accept: "text/html", "nova-update": "1" },
  });
  const html = (response.headers.get("content-type") || "").startsWith("text/html");
  if (!html || response.redirected) return null;
  const text = await response.text();
  const page = new DOMParser().parseFromString(text, "text/html");
  const tag = page.querySelector('script[src="/__nova/client.js"]');
  if (!tag || tag.dataset.status !== served.status) return null;
  tag.remove();
  if (scripts(page) !== loaded) return null;
  return { document: page, served: { ...tag.dataset } };
}

// The scripts of a page, in a form that can be compared. Those that other scripts have added are
// not the page's own; they are told by a flag that a parser never sets.
function scripts(page) {
  const list = [...page.querySelectorAll("script")].filter(
    (it) => it !== me && !(it.async && !it.hasAttribute("async")),
  );
  return JSON.stringify(list.map((it) => [it.type, it.getAttribute("src"), it.textContent]));
}

const loaded = scripts(document);

function reload(version) {
  if (served.method) return offer();
  // A page that something between us and the browser cached comes back as it was: it is asked for
  // once, not for ever.
  const attempt = `${served.version} ${version} ${location.href}`;
  if (recall() === attempt) return;
  remember(attempt);
  leave();
  location.reload();
}

function recall() {
  try { return sessionStorage.getItem(RELOADED); } catch { return null; }
}

function remember(attempt) {
  try {
    if (attempt === null) sessionStorage.removeItem(RELOADED);
    else sessionStorage.setItem(RELOADED, attempt);
  } catch { /* storage is switched off: the page may be reloaded once too often */ }
}

// The new link loads beside the old one, which leaves when the new one applies: the page is never
// without its styles.
function restyle(href) {
  served.style = href;
  const [live, ...pending] = document.querySelectorAll("link[data-nova-style]");
  for (const link of pending) link.remove();
  if (!live) return;
  const next = live.cloneNode();
  next.href = href;
  next.addEventListener("load", () => live.remove());
  next.addEventListener("error", () => next.remove());
  live.after(next);
  if (ours.has(live)) ours.add(next);
}
