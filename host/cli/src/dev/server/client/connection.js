// ---- one connection for all tabs ------------------------------------------------------------
//
// Over HTTP/1.1 a browser has six connections for a host, so the tabs of an app share one
// EventSource. A lock decides whose it is: the tab that was looked at last takes it, which also
// tells the server which page is on screen. It passes everything on through a BroadcastChannel,
// and when it goes, the next one in line has the lock. Browsers have locks on local addresses and
// over HTTPS; elsewhere each tab connects while it is visible.
//
// Messages:
//   hello     what serves now; sent first on every connection
//   reload    another version of the app answers
//   public    these public files are others
//   css       the stylesheet has a new address
//   error     everything that is wrong at present, as one list
//   ok        nothing is wrong any more
//   panic     a handler panicked just now, or answered with an error
//   progress  how far the first build is
//   state     the page at /__nova would look different
//   note      something to know; each tab shows it once
//   join      from tab to tab: I am new, what is the matter?

const LOCK = "nova:events";
const FIRST_DELAY = 250;
const LONGEST_DELAY = 4000;

const channel = new BroadcastChannel("nova");
let source = null;
let delay = FIRST_DELAY;
// What the tab with the connection tells one that joins.
const known = {};
// The tab's place in the queue, and how it lets go of the lock that it has.
let queue = null;
let release = null;
// Whether the lock is asked for and not here yet.
let taking = false;

function connect() {
  if (source) return;
  source = new EventSource(`/__nova/events?page=${encodeURIComponent(location.pathname)}`);
  source.onopen = () => { delay = FIRST_DELAY; };
  source.onmessage = (event) => {
    const message = JSON.parse(event.data);
    note(message);
    channel.postMessage(message);
    receive(message);
  };
  // A lost connection is taken up again by the browser; a refused one is not.
  source.onerror = () => {
    if (!source || source.readyState !== EventSource.CLOSED) return;
    disconnect();
    setTimeout(() => { if (release || !navigator.locks) follow(); }, delay);
    delay = Math.min(delay * 2, LONGEST_DELAY);
  };
}

function disconnect() {
  if (source) source.close();
  source = null;
}

function note(message) {
  switch (message.type) {
    case "hello": known.hello = message; break;
    case "reload":
    case "public": known.hello = { ...known.hello, version: message.version }; break;
    case "css": known.hello = { ...known.hello, style: message.href }; break;
    case "error":
    case "ok": known.condition = message; break;
    case "progress": known.progress = message; break;
    case "note": known.note = message; break;
  }
}

channel.onmessage = ({ data: message }) => {
  if (message.type !== "join") receive(message);
  else if (source) for (const it of Object.values(known)) channel.postMessage(it);
};

function request(options) {
  let mine = false;
  const hold = () => {
    mine = true;
    taking = false;
    connect();
    return new Promise((done) => { release = done; });
  };
  const over = () => {
    // Another tab is looked at now; we are next in line.
    if (!mine) return;
    release = null;
    disconnect();
    if (queue) wait();
  };
  navigator.locks.request(LOCK, options, hold).then(over, over);
}

function wait() {
  queue = new AbortController();
  request({ signal: queue.signal });
}

function take() {
  if (release) return connect();
  // A tab that comes to the front hears of it twice. A second lock would be taken from the first,
  // whose end closes the connection of both.
  if (taking) return;
  taking = true;
  if (queue) queue.abort();
  queue = new AbortController();
  request({ steal: true });
}

function follow() {
  const visible = document.visibilityState === "visible";
  if (!navigator.locks) {
    if (visible) connect();
    else disconnect();
  } else if (visible) {
    take();
  } else if (!release && !queue) {
    wait();
    channel.postMessage({ type: "join" });
  } else if (release) {
    connect();
  }
}

function leave() {
  if (queue) queue.abort();
  queue = null;
  taking = false;
  disconnect();
  if (release) release();
}

document.addEventListener("visibilitychange", follow);
addEventListener("focus", follow);
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => { if (event.persisted) follow(); });

function receive(message) {
  switch (message.type) {
    case "hello":
      if (message.style && message.style !== served.style) restyle(message.style);
      renew(message.version);
      break;
    case "reload":
      renew(message.version);
      break;
    case "public":
      refresh(message.version, message.files);
      break;
    case "css":
      restyle(message.href);
      break;
    case "state":
      if (own) update(null);
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
    case "note":
      tell(message.text);
      break;
    case "progress":
      for (const at of document.querySelectorAll("[data-nova-progress]")) {
        at.textContent = message.text;
      }
      for (const bar of document.querySelectorAll("[data-nova-bar]")) {
        if (message.share == null) bar.removeAttribute("style");
        else bar.style.setProperty("--share", message.share);
      }
      break;
  }
}
