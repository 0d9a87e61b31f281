// A visit: what this browser chose, asked for and got. The server keeps it; this file holds its key and asks for news.

const KEY = "megactor.visit";
const listeners = [];
let state = {};
let key = null;

export const current = () => state;
export const onChange = listener => listeners.push(listener);

/** Does something to the visit: resolves with its new state, rejects with an Error whose message is for people. */
export async function ask(method, path = "", body = undefined) {
  const visit = await visitKey();
  return take(visit, await answerTo(visit, method, path, body));
}

async function answerTo(visit, method, path = "", body = undefined) {
  const headers = {"x-visit": visit};
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/visit${path}`, {method, headers, body: body === undefined ? undefined : JSON.stringify(body)});
  } catch {
    throw new Error("The server cannot be reached: try again in a moment.");
  }
  return words(answer);
}

/** Sends a file; progress(share) is called with 0 to 1 while it goes. */
export async function send(role, file, name, progress) {
  const visit = await visitKey();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/visit/${role}?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("x-visit", visit);
    request.upload.onprogress = event => progress(event.loaded / event.total);
    request.onerror = () => reject(new Error("The file did not arrive: the connection was lost. Choose it again."));
    request.onload = () => {
      let given = {};
      try { given = JSON.parse(request.responseText); } catch { /* told below */ }
      if (request.status === 200) resolve(take(visit, given));
      else reject(new Error(given.error || `The server refused the file (${request.status}).`));
    };
    request.send(file);
  });
}

let clearing = null;

/** Deletes the visit and begins another; what is asked for meanwhile is asked of the new one. */
export async function clear() {
  clearing = clearing || (async () => {
    const visit = await begun();
    await answerTo(visit, "DELETE").catch(error => { if (!error.gone) throw error; });
    forget(visit);
  })().finally(() => { clearing = null; });
  await clearing;
  await visitKey();
}

/** Unless another visit, of this tab or of another one, has taken its place. */
function forget(visit) {
  if (localStorage.getItem(KEY) === visit) localStorage.removeItem(KEY);
  if (key === visit) { key = null; state = {}; }
}

/** Asks for news for as long as the page is open; connection(lost) tells whether the server answers. */
export async function follow(connection) {
  let wait = 500, lost = false;
  for (;;) {
    let visit;
    try {
      visit = await visitKey();
      const limit = AbortSignal.timeout(30000);
      // who was away knows nothing: an answer comes at once, and says that the server is there
      const known = lost ? "" : state.fingerprint || "";
      const answer = await fetch(`/visit?known=${known}`, {headers: {"x-visit": visit}, signal: limit});
      take(visit, await words(answer));
      connection(lost = false);
      wait = 500;
    } catch (error) {
      if (error.gone) { forget(visit); continue; }
      connection(lost = true);
      await pause(wait);
      wait = Math.min(wait * 1.5, 4000);
    }
  }
}

/** Sleeps, but not longer than until the network or the reader is back. */
function pause(milliseconds) {
  return new Promise(resolve => {
    const wake = () => { clearTimeout(timer); removeEventListener("online", wake); document.removeEventListener("visibilitychange", wake); resolve(); };
    const timer = setTimeout(wake, milliseconds);
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
  });
}

let beginning = null;

export async function visitKey() {
  await clearing?.catch(() => { /* told to who cleared */ });
  return begun();
}

async function begun() {
  key = key || localStorage.getItem(KEY);
  if (key) return key;
  beginning = beginning || (async () => {
    const given = await words(await fetch("/visit", {method: "POST"}));
    key = given.key;
    localStorage.setItem(KEY, key);
    take(key, given);
  })().finally(() => { beginning = null; });
  await beginning;
  return key;
}

async function words(answer) {
  const given = await answer.json().catch(() => ({}));
  if (answer.ok) return given;
  const error = new Error(given.error || `The server refused this (${answer.status}).`);
  error.gone = answer.status === 404;
  throw error;
}

function take(visit, given) {
  if (visit !== key) return state;  // news of a visit that is over
  if (!given.fingerprint || given.read < state.read) return state;  // news that was read before what is shown
  state = given;
  for (const listener of listeners) {
    try { listener(state); } catch (error) { console.error(error); }  // a fault of the page is no lost connection
  }
  return state;
}
