// ---- the overlay ----------------------------------------------------------------------------
//
// A modal dialog with everything that is wrong. It leaves by itself when nothing is; put aside, it
// becomes a button, and comes back with the next problem.

// What is wrong with the app, and what went wrong with the request behind this page.
const problems = { current: [], panics: [] };

const KINDS = {
  compile: "Compile error",
  style: "Style error",
  app: "App error",
  load: "Refused",
  panic: "Panic",
  error: "Error",
  crash: "Crash",
};

const SHEET = `
  :host { all: initial; }
  * { box-sizing: border-box; }
  dialog, .pill {
    --paper: #ffffff; --ink: #1d1f27; --soft: #5c6070; --line: #e2e4ec; --code: #f6f7fa;
    --mark: #c8232c; --tint: #fdecec; --focus: #2f6bff;
    --c0: #1d1f27; --c1: #c0212a; --c2: #1c7a34; --c3: #8a6100; --c4: #1f56c9; --c5: #8b2fb0; --c6: #0b7285; --c7: #5c6070;
    --c8: #62667a; --c9: #c0212a; --c10: #1c7a34; --c11: #8a6100; --c12: #1f56c9; --c13: #8b2fb0; --c14: #0b7285; --c15: #1d1f27;
    color-scheme: light;
    color: var(--ink);
    font: 15px/1.5 system-ui, sans-serif;
  }
  @media (prefers-color-scheme: dark) {
    dialog, .pill {
      --paper: #16181f; --ink: #e8eaf1; --soft: #a0a5b6; --line: #2c303c; --code: #0f1116;
      --mark: #ff7a80; --tint: #35191d; --focus: #8fb0ff;
      --c0: #8b90a3; --c1: #ff7a80; --c2: #74d48a; --c3: #e8bf5a; --c4: #8fb0ff; --c5: #d79bf0; --c6: #6bd0e0; --c7: #c9cddb;
      --c8: #8b90a3; --c9: #ff7a80; --c10: #74d48a; --c11: #e8bf5a; --c12: #8fb0ff; --c13: #d79bf0; --c14: #6bd0e0; --c15: #ffffff;
      color-scheme: dark;
    }
  }
  dialog {
    width: min(70rem, 100% - 2rem); max-width: none;
    max-height: min(85vh, 100% - 2rem);
    margin: max(1rem, 6vh) auto auto; padding: 0;
    border: 1px solid var(--line); border-top: 4px solid var(--mark); border-radius: 10px;
    background: var(--paper);
    box-shadow: 0 1.5rem 4rem rgb(0 0 0 / .35);
    overflow: hidden;
  }
  dialog[open] { display: flex; flex-direction: column; }
  dialog::backdrop { background: rgb(10 12 18 / .55); }
  .head, .foot { display: flex; align-items: center; gap: 1rem; padding: .75rem 1.25rem; }
  .head { border-bottom: 1px solid var(--line); }
  .foot { border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; justify-content: space-between; }
  h1 { flex: 1; margin: 0; font-size: 16px; font-weight: 650; }
  .list { overflow: auto; padding: 0 1.25rem; overscroll-behavior: contain; }
  article { padding: 1.1rem 0; }
  article + article { border-top: 1px solid var(--line); }
  .kind {
    display: inline-block; margin: 0 .6rem 0 0; padding: .1rem .5rem; border-radius: 4px;
    background: var(--tint); color: var(--mark); font-size: 12px; font-weight: 650;
  }
  h2 { margin: .4rem 0 .6rem; font-size: 17px; line-height: 1.35; font-weight: 600; overflow-wrap: anywhere; }
  code, pre, kbd { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
  .where { color: var(--soft); }
  .went { margin: 0 0 .6rem; color: var(--soft); font-size: 13px; }
  .place {
    padding: 0; border: 0; border-radius: 2px; background: none; color: inherit; font: inherit;
    text-decoration: underline; text-decoration-color: color-mix(in srgb, currentColor 40%, transparent);
    text-underline-offset: .2em; user-select: text;
  }
  .place:hover { background: none; color: var(--focus); text-decoration-color: currentColor; }
  pre {
    margin: 0; padding: .8rem 1rem; overflow-x: auto; line-height: 1.5; tab-size: 4;
    background: var(--code); border: 1px solid var(--line); border-radius: 6px;
  }
  button {
    font: inherit; font-size: 13px; color: inherit; cursor: pointer;
    padding: .25rem .7rem; border: 1px solid var(--line); border-radius: 6px; background: transparent;
  }
  button:hover { background: var(--code); }
  :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
  kbd { padding: .05rem .35rem; border: 1px solid var(--line); border-radius: 4px; }
  .pill {
    position: fixed; right: 1rem; bottom: 1rem; z-index: 2147483647; border-radius: 999px;
    padding: .45rem .9rem; background: var(--paper); color: var(--mark); border-color: var(--mark);
    font: 600 13px/1.2 system-ui, sans-serif; box-shadow: 0 .3rem 1rem rgb(0 0 0 / .25);
  }
  .pill.offer { color: var(--ink); border-color: var(--focus); }
  .b { font-weight: 700; } .d { opacity: .7; } .i { font-style: italic; } .u { text-decoration: underline; } .s { text-decoration: line-through; }
  ${Array.from({ length: 16 }, (_, n) => `.c${n} { color: var(--c${n}); } .g${n} { background: var(--c${n}); }`).join(" ")}
  @media (max-width: 40rem) {
    dialog { width: 100%; max-height: 100%; margin: auto 0 0; border-radius: 10px 10px 0 0; }
    .list, .head, .foot { padding-left: .9rem; padding-right: .9rem; }
    .keys { display: none; }
  }
`;

let overlay = null;
// The problems that were put aside: told again, by a connection that came back, they stay there.
let aside = null;

function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// A shadow root keeps the page's styles out and ours in; a modal <dialog> brings the top layer,
// the focus and the Escape key.
function build() {
  const host = element("nova-overlay", {});
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(SHEET);
  root.adoptedStyleSheets = [sheet];
  const heading = element("h1", { id: "heading" });
  const close = element("button", { type: "button" }, "Close");
  const list = element("div", { class: "list" });
  const note = element("span", { role: "status" });
  const dialog = element("dialog", { role: "alertdialog", "aria-labelledby": "heading" },
    element("div", { class: "head" }, heading, close),
    list,
    element("div", { class: "foot" }, note, element("span", { class: "keys" }, element("kbd", {}, "Esc"), " closes")));
  const pill = element("button", { type: "button", class: "pill", hidden: "" });
  const corner = element("div", { role: "region", "aria-label": "nova dev" }, pill);
  close.addEventListener("click", () => dialog.close());
  pill.addEventListener("click", () => {
    pill.hidden = true;
    if (list.childElementCount) dialog.showModal();
    else location.reload();
  });
  dialog.addEventListener("close", () => {
    aside = all();
    pill.hidden = list.childElementCount === 0;
  });
  root.append(dialog, corner);
  document.documentElement.append(host);
  return { host, heading, list, note, dialog, pill };
}

function all() {
  return JSON.stringify([problems.panics, problems.current]);
}

// Whether the page itself says what went wrong, in the place of the page that ended the server.
function isPage({ kind, title }) {
  return kind === "crash" && document.documentElement.dataset.novaCrash === title;
}

function show() {
  // The page of the session lists them itself, and is where one looks up what serves meanwhile.
  if (own) return;
  const list = [...problems.panics, ...problems.current].filter((problem) => !isPage(problem));
  if (list.length === 0) {
    if (overlay) overlay.host.remove();
    overlay = aside = null;
    return;
  }
  if (overlay && aside === all()) return;
  aside = null;
  overlay ||= build();
  const { heading, note, dialog, pill } = overlay;
  heading.textContent = list.length === 1 ? "1 problem" : `${list.length} problems`;
  pill.textContent = heading.textContent;
  pill.classList.remove("offer");
  note.textContent = problems.current.length === 0 ? "Only this request failed: the server goes on."
    : list.every(({ kind }) => kind === "crash")
      ? "The server is back. A page that ended it is not called again until its code changes."
    : served.version ? "The last good version keeps serving. This leaves by itself when it is fixed."
    : "The page opens by itself when this is fixed.";
  overlay.list.replaceChildren(...list.map(article));
  pill.hidden = true;
  if (!dialog.open) dialog.showModal();
}

// This page is the answer to a form. Asking again would send the form again.
function offer() {
  overlay ||= build();
  const { list, pill } = overlay;
  if (list.childElementCount) return;
  pill.classList.add("offer");
  pill.textContent = served.version ? "A newer version is live. Send the form again?"
    : "The app is ready. Send the form again?";
  pill.hidden = false;
}

function article(problem) {
  const { kind, title, file, line, column, request, html } = problem;
  const head = element("div", {}, element("span", { class: "kind" }, KINDS[kind] || "Error"));
  if (file) {
    const at = [file, line, column].filter((part) => part != null).join(":");
    head.append(element("code", { class: "where" }, place(at, file, line, column)));
  }
  const whole = element("article", {}, head, element("h2", {}, title));
  if (request) {
    whole.append(element("p", { class: "went" }, "while it answered ", element("code", {}, request)));
  }
  if (html) {
    const text = element("pre", { tabindex: "0", role: "group", "aria-label": "Details" });
    text.innerHTML = html; // escaped by the server, which turned the colours into spans
    link(text);
    whole.append(text);
  }
  return whole;
}

// A place in the app that opens in the editor.
function place(text, file, line, column) {
  const button = element("button", { type: "button", class: "place", title: "Open in the editor" }, text);
  button.addEventListener("click", () => open(file, line || 1, column || 1));
  return button;
}

const PLACE = /(?<![\w/.@()[\]-])((?:[\w@()[\]-][\w.@()[\]-]*\/)*[\w@()[\]-][\w.@()[\]-]*\.(?:rs|toml|s?css|sass)):(\d+)(?::(\d+))?/g;
const FOREIGN = /^(vendor|target|\.nova)\//;

// Makes buttons of the places in what a compiler said.
function link(text) {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  for (const node of nodes) {
    const parts = [];
    let end = 0;
    for (const match of node.data.matchAll(PLACE)) {
      const [whole, file, line, column] = match;
      if (FOREIGN.test(file)) continue;
      parts.push(node.data.slice(end, match.index), place(whole, file, Number(line), Number(column)));
      end = match.index + whole.length;
    }
    if (parts.length) node.replaceWith(...parts, node.data.slice(end));
  }
}

async function open(file, line, column) {
  // The page of the session has a line for such things.
  const note = own ? document.querySelector(".now") : overlay && overlay.note;
  const say = (text) => { if (note) note.textContent = text; };
  const query = new URLSearchParams({ file, line, column }).toString().replaceAll("+", "%20");
  try {
    const response = await fetch(`/__nova/open?${query}`, { method: "POST" });
    if (response.ok) return say(`${file}:${line} is open in the editor.`);
    const why = (await response.text()).trim();
    // Browsers have a clipboard on local addresses and over HTTPS.
    if (!navigator.clipboard) return say(`${file}:${line}:${column}: ${why}`);
    await navigator.clipboard.writeText(`${file}:${line}:${column}`);
    say(`Copied ${file}:${line}:${column}: ${why}`);
  } catch (error) {
    say(`${file}:${line}:${column} cannot be opened: ${error.message}`);
  }
}

// The page of the session has places of its own.
if (own) {
  document.addEventListener("click", (event) => {
    const at = event.target.closest("[data-file]");
    if (at) open(at.dataset.file, at.dataset.line || 1, at.dataset.column || 1);
  });
}

// Something to know, in a corner of the page until it is clicked away; a tab shows each once.
const NOTE = `
  p {
    all: initial; position: fixed; left: 1rem; bottom: 1rem; z-index: 2147483647; max-width: 34rem;
    padding: .7rem 1rem; border: 1px solid #8fb0ff; border-radius: 8px; background: #16181f; color: #e8eaf1;
    font: 14px/1.5 system-ui, sans-serif; white-space: pre-line; cursor: pointer;
    box-shadow: 0 .3rem 1rem rgb(0 0 0 / .25);
  }
`;

function tell(text) {
  if (own || sessionStorage.getItem("nova:note") === text) return;
  sessionStorage.setItem("nova:note", text);
  const host = element("nova-note", {});
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(NOTE);
  root.adoptedStyleSheets = [sheet];
  const line = element("p", { role: "status", title: "click to close" }, text);
  line.addEventListener("click", () => host.remove());
  root.append(line);
  document.documentElement.append(host);
}
