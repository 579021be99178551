// The browser's half of `nova dev`, added to the end of every HTML page of a dev host.
//
// The script tag says what answered this page: `data-version` (none before the first build),
// `data-style`, `data-status`, `data-method` if that was not GET, `data-panic`. The files beside
// this one follow it in one function; `client.rs` puts them together.
//
//   connection.js  one EventSource for all tabs of an app; `receive` takes each message
//   update.js      makes this page what the server would answer now, in place or by a reload
//   morph.js       the same for the document, keeping what the reader has done to it
//   overlay.js     what is wrong

"use strict";

const me = document.currentScript;

// What answered this page; replaced when another answer is taken up.
let served = { ...me.dataset };

// The page at /__nova shows the session, not the app.
const own = "own" in served;
