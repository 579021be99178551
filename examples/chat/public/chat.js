// Goes on behind the last message of the page: over a WebSocket, and by events where there is none, as
// behind a proxy that does not let it through. Both come back by themselves after a swap.

const list = document.querySelector("#messages");
const form = document.querySelector("#say");
const state = document.querySelector("#state");
const here = `/rooms/${list.dataset.room}`;

let last = list.dataset.last;
let socket;
let failures = 0;

function show(html) {
  // What this page does not have is kept no longer: it is loaded anew.
  if (html === "lagged") return location.reload();
  list.insertAdjacentHTML("beforeend", html);
  last = list.lastElementChild?.dataset.id ?? last;
  list.lastElementChild?.scrollIntoView({ block: "end" });
}

function live(by) {
  state.textContent = by ? `live by ${by}` : "connecting";
  state.classList.toggle("live", Boolean(by));
}

function after(path) {
  return last ? `${here}/${path}?after=${last}` : `${here}/${path}`;
}

function connect() {
  live(null);
  socket = new WebSocket(new URL(after("socket"), location.href.replace(/^http/, "ws")));
  let opened = false;
  socket.onopen = () => {
    opened = true;
    failures = 0;
    live("WebSocket");
  };
  socket.onmessage = (event) => show(event.data);
  socket.onclose = () => {
    live(null);
    if (!opened && ++failures === 3) return listen();
    setTimeout(connect, 200 + Math.random() * 800);
  };
}

function listen() {
  const events = new EventSource(after("events"));
  events.onopen = () => live("events");
  events.onerror = () => live(null);
  events.onmessage = (event) => show(event.data);
  events.addEventListener("lagged", () => location.reload());
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = Object.fromEntries(new FormData(form));
  if (socket.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify(said));
  } else {
    const answer = await fetch(here, { method: "POST", body: new URLSearchParams(said) });
    if (!answer.ok) return;
  }
  form.elements.text.value = "";
});

list.lastElementChild?.scrollIntoView({ block: "end" });
connect();
