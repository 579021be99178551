// The browser's half of `nova dev`, added to the end of every HTML page of a dev host.
//
// One EventSource on /__nova/events brings what happens on the other side:
//   hello     what serves now; sent first on every connection
//   reload    another version of the app answers
//   css       the stylesheet has a new address
//   error     everything that is wrong at present, as one list
//   ok        nothing is wrong any more
//   panic     a handler panicked just now
//   progress  how far the first build is
//
// The script tag says which version answered this page, so a page that slept through an
// update finds out in `hello`, and one that is up to date is never reloaded.
(() => {
  "use strict";

  const me = document.currentScript;
  const served = me.dataset.version || null;
  const problems = { current: [], panics: [] };
  let style = me.dataset.style || null;
  let source = null;

  // ---- the connection ---------------------------------------------------------------

  function connect() {
    if (source) return;
    source = new EventSource("/__nova/events");
    source.onmessage = (event) => receive(JSON.parse(event.data));
    // A lost connection is taken up again by the browser; a refused one is not.
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) {
        disconnect();
        setTimeout(follow, 1000);
      }
    };
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  // Over HTTP/1.1 a browser has six connections for a host: tabs in the background give
  // theirs back, and learn from `hello` what they missed.
  function follow() {
    if (document.visibilityState === "hidden") disconnect();
    else connect();
  }

  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", follow);

  function receive(message) {
    switch (message.type) {
      case "hello":
        if (message.style && message.style !== style) restyle(message.style);
        renew(message.version);
        break;
      case "reload":
        renew(message.version);
        break;
      case "css":
        restyle(message.href);
        break;
      case "error":
        problems.current = message.problems;
        show();
        break;
      case "ok":
        problems.current = [];
        show();
        break;
      case "panic":
        problems.panics = [message.problem];
        show();
        break;
      case "progress":
        for (const at of document.querySelectorAll("[data-nova-progress]")) {
          at.textContent = message.text;
        }
        break;
    }
  }

  // ---- pages and styles -------------------------------------------------------------

  function renew(version) {
    const key = "nova:reload";
    if (!version || version === served) {
      if (version) remember(key, null);
      return;
    }
    // A page that something between us and the browser cached comes back as it was: it is
    // asked for once, not for ever.
    const attempt = `${served} ${version} ${location.href}`;
    if (recall(key) === attempt) return;
    remember(key, attempt);
    disconnect();
    location.reload();
  }

  function recall(key) {
    try { return sessionStorage.getItem(key); } catch { return null; }
  }

  function remember(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, value);
    } catch { /* storage is switched off: the page may be reloaded once too often */ }
  }

  // The new link loads beside the old one, which leaves when the new one applies: the page
  // is never without its styles.
  function restyle(href) {
    style = href;
    const [live, ...pending] = document.querySelectorAll("link[data-nova-style]");
    for (const link of pending) link.remove();
    if (!live) return;
    const next = live.cloneNode();
    next.href = href;
    next.addEventListener("load", () => live.remove());
    next.addEventListener("error", () => next.remove());
    live.after(next);
  }

  // ---- the overlay ------------------------------------------------------------------

  const KINDS = {
    compile: "Compile error",
    style: "Style error",
    app: "App error",
    load: "Refused",
    panic: "Panic",
  };

  const SHEET = `
    :host { all: initial; }
    * { box-sizing: border-box; }
    dialog, .pill {
      --paper: #ffffff; --ink: #1d1f27; --soft: #5c6070; --line: #e2e4ec; --code: #f6f7fa;
      --mark: #c8232c; --tint: #fdecec; --focus: #2f6bff;
      --c0: #1d1f27; --c1: #c0212a; --c2: #1c7a34; --c3: #8a6100; --c4: #1f56c9; --c5: #8b2fb0; --c6: #0b7285; --c7: #5c6070;
      --c8: #747889; --c9: #c0212a; --c10: #1c7a34; --c11: #8a6100; --c12: #1f56c9; --c13: #8b2fb0; --c14: #0b7285; --c15: #1d1f27;
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
    header, footer { display: flex; align-items: center; gap: 1rem; padding: .75rem 1.25rem; }
    header { border-bottom: 1px solid var(--line); }
    footer { border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; justify-content: space-between; }
    h1 { flex: 1; margin: 0; font-size: 16px; font-weight: 650; }
    main { overflow: auto; padding: 0 1.25rem; overscroll-behavior: contain; }
    article { padding: 1.1rem 0; }
    article + article { border-top: 1px solid var(--line); }
    .kind {
      display: inline-block; margin: 0 .6rem 0 0; padding: .1rem .5rem; border-radius: 4px;
      background: var(--tint); color: var(--mark); font-size: 12px; font-weight: 650;
    }
    h2 { margin: .4rem 0 .6rem; font-size: 17px; line-height: 1.35; font-weight: 600; overflow-wrap: anywhere; }
    code, pre, kbd { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
    .where { color: var(--soft); user-select: all; }
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
    .b { font-weight: 700; } .d { opacity: .7; } .i { font-style: italic; } .u { text-decoration: underline; } .s { text-decoration: line-through; }
    ${Array.from({ length: 16 }, (_, n) => `.c${n} { color: var(--c${n}); } .g${n} { background: var(--c${n}); }`).join(" ")}
    @media (max-width: 40rem) {
      dialog { width: 100%; max-height: 100%; margin: auto 0 0; border-radius: 10px 10px 0 0; }
      main, header, footer { padding-left: .9rem; padding-right: .9rem; }
      .keys { display: none; }
    }
  `;

  let overlay = null;

  function element(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  // A shadow root keeps the page's styles out and ours in; a modal <dialog> brings the top
  // layer, the focus and the Escape key.
  function build() {
    const host = element("nova-overlay", {});
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
    root.adoptedStyleSheets = [sheet];
    const heading = element("h1", { id: "heading" });
    const close = element("button", { type: "button" }, "Close");
    const list = element("main", {});
    const note = element("span", {});
    const dialog = element("dialog", { role: "alertdialog", "aria-labelledby": "heading" },
      element("header", {}, heading, close),
      list,
      element("footer", {}, note, element("span", { class: "keys" }, element("kbd", {}, "Esc"), " closes")));
    const pill = element("button", { type: "button", class: "pill", hidden: "" });
    close.addEventListener("click", () => dialog.close());
    pill.addEventListener("click", () => { pill.hidden = true; dialog.showModal(); });
    dialog.addEventListener("close", () => { pill.hidden = list.childElementCount === 0; });
    root.append(dialog, pill);
    document.documentElement.append(host);
    return { host, heading, list, note, dialog, pill };
  }

  function show() {
    const all = [...problems.panics, ...problems.current];
    if (all.length === 0) {
      if (overlay) overlay.host.remove();
      overlay = null;
      return;
    }
    overlay ||= build();
    const { heading, list, note, dialog, pill } = overlay;
    heading.textContent = all.length === 1 ? "1 problem" : `${all.length} problems`;
    pill.textContent = heading.textContent;
    note.textContent = problems.current.length === 0 ? "Only this request failed: the server goes on."
      : served ? "The last good version keeps serving. This leaves by itself when it is fixed."
      : "The page opens by itself when this is fixed.";
    list.replaceChildren(...all.map(article));
    pill.hidden = true;
    if (!dialog.open) dialog.showModal();
  }

  function article(problem) {
    const at = problem.file &&
      [problem.file, problem.line, problem.column].filter((part) => part != null).join(":");
    const head = element("div", {}, element("span", { class: "kind" }, KINDS[problem.kind] || "Error"));
    if (at) head.append(element("code", { class: "where" }, at));
    const whole = element("article", {}, head, element("h2", {}, problem.title));
    if (problem.html) {
      const text = element("pre", { tabindex: "0", "aria-label": "Details" });
      text.innerHTML = problem.html; // escaped by the server, which turned the colours into spans
      whole.append(text);
    }
    return whole;
  }

  if (me.dataset.panic) {
    problems.panics = [JSON.parse(me.dataset.panic)];
    show();
  }
  follow();
})();
