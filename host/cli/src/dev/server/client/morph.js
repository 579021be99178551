// ---- the document ---------------------------------------------------------------------------
//
// `Idiomorph` turns one tree into another and keeps the nodes that stay, with their scroll
// positions and listeners. The head is ours: stylesheets are waited for. What the reader has typed
// or opened is not what the server sent, and stays; so does an element with `data-nova-keep`.

const SLOW = 2000;

// The nodes of the head that came with the page; others were added by scripts, and stay.
let ours = new Set(document.head.children);
const touched = new WeakSet();

for (const kind of ["input", "change"]) {
  addEventListener(kind, (event) => touched.add(event.composedPath()[0]), true);
}
addEventListener("reset", (event) => {
  for (const control of event.target.elements) touched.delete(control);
}, true);

// Makes the head of this page that of `page`, stylesheets first.
async function dress(page) {
  // In a page the address of the stylesheet names no content. The one in use does.
  const link = document.querySelector("link[data-nova-style]");
  for (const other of page.querySelectorAll("link[data-nova-style]")) {
    if (link) other.replaceWith(page.importNode(link));
  }
  const before = new Set(ours);
  const loading = [];
  let last = null;
  for (const wanted of [...page.head.children]) {
    let node = [...before].find((it) => it.isConnected && it.isEqualNode(wanted));
    if (node) {
      before.delete(node);
    } else {
      node = document.importNode(wanted, true);
      if (node.localName === "link" && node.relList.contains("stylesheet")) loading.push(load(node));
      if (last) last.after(node);
      else document.head.prepend(node);
      ours.add(node);
    }
    last = node;
  }
  await Promise.all(loading);
  for (const node of before) {
    if (node.localName === "script") continue;
    node.remove();
    ours.delete(node);
  }
  // The stylesheet may have been exchanged while another one was loading.
  const live = document.querySelector("link[data-nova-style]");
  if (live && served.style && live.getAttribute("href") !== served.style) restyle(served.style);
}

// Until a stylesheet applies, or will not.
function load(link) {
  return new Promise((done) => {
    link.addEventListener("load", done);
    link.addEventListener("error", done);
    setTimeout(done, SLOW);
  });
}

// Makes the body of this page that of `page`.
function morph(page) {
  const root = document.documentElement;
  for (const { name, value } of page.documentElement.attributes) root.setAttribute(name, value);
  for (const { name } of [...root.attributes]) {
    // Scripts note a theme and the like here, before anything is shown.
    const theirs = name === "class" || name === "style" || name.startsWith("data-");
    if (!theirs && !page.documentElement.hasAttribute(name)) root.removeAttribute(name);
  }
  const focus = focused();
  const typed = controls().filter(dirty).map((node) => ({ node, key: key(node), ...read(node) }));
  // Controls that become what they are: the library may well make one of another.
  const stay = new WeakSet();
  Idiomorph.morph(document.body, page.body, {
    morphStyle: "outerHTML",
    restoreFocus: false,
    callbacks: {
      beforeNodeRemoved: (node) => node !== me && !kept(node),
      beforeNodeMorphed: (node, next) => {
        if (/^(INPUT|TEXTAREA|SELECT)$/.test(node.nodeName) && key(node) === key(next)) stay.add(node);
        return !kept(node);
      },
      beforeAttributeUpdated: (name, node) => !readers(name, node, stay),
    },
  });
  retype(typed);
  refocus(focus);
}

function kept(node) {
  return node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-nova-keep");
}

// Whether an attribute says what the reader has done.
function readers(name, node, stay) {
  switch (name) {
    case "open": return node.localName === "details" || node.localName === "dialog";
    case "value":
    case "checked": return stay.has(node) && dirty(node);
    case "selected": return stay.has(node.closest("select")) && dirty(node.closest("select"));
    default: return false;
  }
}

function controls() {
  return [...document.querySelectorAll("input:not([type=hidden]), textarea, select")];
}

function dirty(control) {
  if (touched.has(control)) return true;
  switch (control.type) {
    case "checkbox":
    case "radio": return control.checked !== control.defaultChecked;
    case "file":
    case "select-one":
    case "select-multiple": return false;
    default: return control.value !== control.defaultValue;
  }
}

// What tells a control from the others of a page, whatever is around it.
function key(control) {
  const choice = control.type === "checkbox" || control.type === "radio";
  return JSON.stringify([control.localName, control.type, control.id, control.name, choice && control.value]);
}

function read(control) {
  return {
    value: control.value,
    checked: control.checked,
    selected: control.options && [...control.options].map((it) => it.selected && it.value),
  };
}

// Puts what was typed back, also where the control is another node now, or the node another
// control.
function retype(typed) {
  const all = controls();
  for (const { node, key: name, value, checked, selected } of typed) {
    if (node.type === "file") continue;
    const stays = node.isConnected && key(node) === name;
    if (!stays && node.isConnected) {
      node.value = node.defaultValue ?? node.value;
      node.checked = node.defaultChecked;
      touched.delete(node);
    }
    const control = stays ? node : all.find((it) => key(it) === name);
    if (!control) continue;
    if (selected) {
      for (const option of control.options) option.selected = selected.includes(option.value);
    } else {
      if (control.value !== value) control.value = value;
      control.checked = checked;
    }
    touched.add(control);
  }
}

function focused() {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const control = controls().includes(node);
  // Not every kind of control has a selection.
  let selection = null;
  try { selection = [node.selectionStart, node.selectionEnd, node.selectionDirection]; } catch { /* none */ }
  return { node, name: control && key(node), selection };
}

function refocus(focus) {
  if (!focus) return;
  const { node, name, selection } = focus;
  const same = node.isConnected && (!name || key(node) === name);
  const target = same ? node : controls().find((it) => key(it) === name);
  if (!target) return;
  if (document.activeElement !== target) target.focus({ preventScroll: true });
  if (selection && selection[0] !== null && target.selectionStart !== undefined) {
    try { target.setSelectionRange(...selection); } catch { /* the control is of another kind now */ }
  }
}
