// The page: buttons do what their data-do says, and parts show what the server says of this visit.

import * as camera from "/page/camera.js";
import * as files from "/page/files.js";
import * as crop from "/page/crop.js";
import "/page/examples.js";
import "/page/live.js";
import * as result from "/page/result.js";
import * as visit from "/page/visit.js";

const $ = (selector, root = document) => root.querySelector(selector);
const shown = {};
let busy = null;  // id of the running job
let settingsGiven;

// Gradio's controls take the values of the last run when they are made
window.megactorSettings = new Promise(resolve => { settingsGiven = resolve; });

window.megactor = {
  animate(values) {
    say("message", "");
    visit.ask("POST", "/animate", values).then(() => {
      const result = document.getElementById("result").getBoundingClientRect();
      if (result.top > innerHeight / 2) $("#result").scrollIntoView({behavior: "smooth"});
    }, error => say("message", error.message));
  },
  preset(name) {
    const words = $("#preset-words");
    const chosen = JSON.parse(words.dataset.presets)[name];
    words.textContent = chosen.words;
    result.trimmed(chosen.values);
    return chosen.values;
  },
};

const deeds = {
  pick: button => files.pick(button.dataset.role),
  camera: button => camera.start(button.dataset.role),
  shutter: () => camera.shutter(),
  "camera-off": () => camera.stop(),
  example: button => about(button.dataset.role, visit.ask("POST", `/${button.dataset.role}/example/${button.dataset.index}`)),
  drop: button => about(button.dataset.role, visit.ask("DELETE", `/${button.dataset.role}`)),
  face: button => about("portrait", visit.ask("POST", `/face/${button.dataset.index}`)),
  "crop-reset": () => about("portrait", visit.ask("POST", "/crop", null).then(crop.focus)),
  show: button => about("result", visit.ask("POST", `/show/${button.dataset.index}`)),
  cancel: () => about("result", visit.ask("POST", "/cancel")),
  clear: () => {
    if (!confirm("Delete your files and results from this server?")) return;
    camera.stop();
    about("result", visit.clear().then(() => announce("Everything was deleted.")));
  },
};

document.addEventListener("click", event => {
  const button = event.target.closest?.("[data-do]");
  if (button) deeds[button.dataset.do]?.(button);
});

function about(role, promise) {
  const tell = role === "result" ? words => say("message", words) : words => files.complain(role, words);
  tell("");
  promise.catch(error => tell(error.message));
}

function say(part, words) {
  const place = $(`[data-part="${part}"]`);
  place.innerHTML = "";
  shown[part] = words ? null : "";
  if (!words) return;
  const alert = document.createElement("p");
  alert.className = "ma-alert";
  alert.setAttribute("role", "alert");
  alert.textContent = words;
  place.append(alert);
}

function announce(words) {
  $("#say").textContent = words;
}

/** Replaces a part where it changed; who was at a button in it is at the same button after it. */
function fill(part, html) {
  if (shown[part] === html) return;
  shown[part] = html;
  const place = $(`[data-part="${part}"]`);
  const at = place.contains(document.activeElement) ? document.activeElement.dataset : null;
  place.innerHTML = html;
  if (at) (find(place, at) || $("button, a, video", place))?.focus();
}

function find(place, {do: deed, index}) {
  return [...place.querySelectorAll("[data-do]")].find(one => one.dataset.do === deed && one.dataset.index === index);
}

function render(state) {
  for (const part of ["portrait", "driving", "message", "result", "history"]) fill(part, state[part]);
  crop.keep();
  progress(state.progress);
  $("#stage").dataset.ready = state.ready;
  const job = state.progress?.job || null;
  if (job !== busy) {
    const atButton = document.activeElement?.closest?.("#action") || document.activeElement === document.body;
    const cancel = $("#cancel"), animate = $("#animate");
    cancel.hidden = !job;
    animate.hidden = Boolean(job);
    if (atButton && (busy || job)) (job ? cancel : animate).focus({preventScroll: true});
    if (job && !busy) announce("The animation was begun.");
    if (!job && busy) announce(/ma-alert/.test(state.message) ? "" : /Canceled/.test(state.message) ? "" : "The result is ready.");
    busy = job;
  }
  settingsGiven(state.settings);
}

function progress(now) {
  const place = $("[data-part=progress]");
  const screen = $("[data-part=result]");
  if (!now) {
    place.innerHTML = "";
    screen.hidden = false;
    $("#running")?.remove();
    return;
  }
  if (!$("[role=progressbar]", place)) {
    place.innerHTML = `<div class="ma-bar" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"><i></i></div>
      <p class="ma-note"><span></span><span data-left></span></p>`;
  }
  const bar = $("[role=progressbar]", place), [words, left] = place.querySelectorAll("span");
  bar.setAttribute("aria-valuenow", now.percent);
  bar.setAttribute("aria-valuetext", `${now.words} ${now.left}`);
  bar.firstChild.style.width = `${now.percent}%`;
  words.textContent = now.words;
  left.textContent = now.left;
  screen.hidden = true;
  if (!$("#running")) screen.insertAdjacentHTML("beforebegin", `<div id="running" class="ma-screen ma-empty"><p></p></div>`);
  const running = $("#running");
  if (!now.picture) {
    running.firstChild.textContent ||= "The first frames come in a moment.";
  } else if (running.dataset.picture !== now.picture) {
    running.dataset.picture = now.picture;
    const image = new Image();
    image.alt = "A frame of the result";
    image.onload = () => running.replaceChildren(image);
    image.src = now.picture;
  }
}

function connection(lost) {
  const place = $("#connection");
  place.hidden = !lost;
  place.textContent = lost ? "The connection to the server was lost. What runs goes on; trying again ..." : "";
}

/** Gradio makes its parts after this script was read. */
function ready() {
  return new Promise(resolve => {
    const look = () => ($("[data-part=history]") && $("#animate") ? resolve() : setTimeout(look, 30));
    look();
  });
}

function group() {  // one tab stop for the presets, as radio buttons have it
  document.querySelectorAll("#presets input").forEach(input => { input.name = "preset"; });
}

await ready();
group();
files.listen();
visit.onChange(render);
visit.follow(connection);
