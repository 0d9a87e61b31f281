// Live: the camera's newest frame goes to the server, the newest picture comes back. Each has a line of its own, and
// neither waits for the other: what comes too late is skipped.

import {current, visitKey} from "/page/visit.js";

const SIDE = 480;  // pixels of the longer side that is sent: faces are read in 256
const $ = id => document.getElementById(id);
let live = null;  // what runs: {stream, gone, sent, times, period, frames}
let recording = false;

async function request(method, path, body, {type = "application/json", signal} = {}) {
  const headers = {"x-visit": await visitKey(), "content-type": type};
  let answer;
  try {
    answer = await fetch(`/live${path}`, {method, headers, body, signal});
  } catch {
    throw new Error("The server cannot be reached: try again in a moment.");
  }
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `The server refused this (${answer.status}).`);
  return answer;
}

async function start() {
  say("");
  if (!/ma-faces/.test(current().portrait || "")) return say("Choose a portrait first.");
  if (!navigator.mediaDevices?.getUserMedia) {
    return say("Browsers give a page the camera only at localhost or over HTTPS.");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 640}, height: {ideal: 480}, facingMode: "user"}});
  } catch (error) {
    return say(reason(error));
  }
  const mine = live = {stream, gone: new AbortController(), sent: new Map(), times: [], period: 100, frames: 0};
  show();
  $("live-camera").srcObject = stream;
  note("Loading the model ...");
  try {
    await Promise.all([begin(), $("live-camera").play()]);
  } catch (error) {
    return live === mine && stop(error.message);
  }
  if (live !== mine) return;
  note("Look into the camera.");
  send(mine).catch(error => live === mine && stop(error.message));
  receive(mine).catch(error => live === mine && stop(error.message));
}

function begin() {
  const scales = {};
  for (const name of ["motion", "eyes", "mouth"]) scales[`${name}_scale`] = Number($(`live-${name}`).value);
  return request("POST", "", JSON.stringify(scales));
}

async function send(mine) {
  const video = $("live-camera"), canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  while (live === mine) {
    const began = performance.now();
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight, 1));
    if (video.videoWidth) {
      canvas.width = Math.round(scale * video.videoWidth);
      canvas.height = Math.round(scale * video.videoHeight);
      pen.drawImage(video, 0, 0, canvas.width, canvas.height);
      const jpeg = await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.85));
      mine.frames += 1;
      mine.sent.set(mine.frames, began);
      await request("POST", `/frame/${mine.frames}`, jpeg, {type: "image/jpeg", signal: mine.gone.signal});
    }
    // three frames for a picture: the one that is taken is never old, and the camera's work stays small
    const wait = Math.min(100, Math.max(33, mine.period / 3)) - (performance.now() - began);
    await new Promise(later => setTimeout(later, Math.max(0, wait)));
  }
}

async function receive(mine) {
  const canvas = $("live-picture"), pen = canvas.getContext("2d");
  while (live === mine) {
    const answer = await request("GET", "/picture", undefined, {signal: mine.gone.signal});
    if (answer.status === 204) continue;
    const number = Number(answer.headers.get("x-frame"));
    const picture = await createImageBitmap(await answer.blob());
    if (live !== mine) return;
    if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
    pen.drawImage(picture, 0, 0);
    $("live-screen").classList.add("ma-shown");
    measure(mine, number);
  }
}

function measure(mine, number) {
  const now = performance.now();
  const delay = now - (mine.sent.get(number) ?? now);
  for (const sent of mine.sent.keys()) if (sent <= number) mine.sent.delete(sent);
  mine.times.push({now, delay});
  while (now - mine.times[0].now > 3000) mine.times.shift();
  const span = now - mine.times[0].now;
  if (span < 1) return;
  mine.period = span / (mine.times.length - 1);
  const delays = mine.times.map(time => time.delay).sort((one, other) => one - other);
  const middle = delays[delays.length >> 1], longest = delays.at(-1);
  note(`${(1000 / mine.period).toFixed(1)} frames/s, ${middle.toFixed(0)} ms behind you (at most ${longest.toFixed(0)})`);
}

async function record() {
  try {
    if (!recording) {
      await request("POST", "/record");
      recording = true;
      return show();
    }
    recording = false;
    show();
    const clip = await (await request("POST", "/recorded")).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(clip);
    link.download = "live.mp4";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    recording = false;
    say(error.message);
    show();
  }
}

async function stop(words = "") {
  const mine = live;
  live = null;
  if (mine && recording) await record();
  recording = false;
  if (mine) for (const track of mine.stream.getTracks()) track.stop();
  $("live-camera").srcObject = null;
  note("");
  say(words);
  show();
  if (!mine) return;
  mine.gone.abort();  // what is still on its way would find nobody there
  request("DELETE", "").catch(() => {});
}

function show() {
  const running = Boolean(live);
  $("live-start").hidden = running;
  for (const id of ["live-again", "live-record", "live-stop"]) $(id).hidden = !running;
  $("live-record").textContent = recording ? "Stop and save" : "Record";
  $("live-record").setAttribute("aria-pressed", recording);
}

function say(words) {
  $("live-alert").textContent = words;
  $("live-alert").hidden = !words;
}

function note(words) {
  $("live-measured").textContent = words;
}

function reason(error) {
  if (error.name === "NotAllowedError") return "The camera was not allowed: allow it beside the page's address, then try again.";
  if (error.name === "NotFoundError") return "No camera was found.";
  if (error.name === "NotReadableError") return "The camera is in use by another program: end that one, then try again.";
  return `The camera does not work (${error.message || error.name}).`;
}

/** There is one card for the portrait: it stands in whichever tab is open. */
function carry(visible) {
  const card = $("portrait");
  if (visible) $("live-slot").append(card);
  else if ($("live-slot").contains(card)) $("stage").prepend(card);
  if (!visible && live) stop();
}

const deeds = {
  "live-start": start, "live-stop": () => stop(), "live-record": record,
  "live-again": () => request("POST", "/again").catch(error => say(error.message)),
};
document.addEventListener("click", event => deeds[event.target.closest?.("button")?.id]?.());
document.addEventListener("change", event => {
  if (live && event.target.matches?.("#live-scales input")) begin().catch(error => stop(error.message));
});
addEventListener("pagehide", () => {
  if (live) fetch("/live", {method: "DELETE", keepalive: true, headers: {"x-visit": localStorage.getItem("megactor.visit")}});
});

let watched = null;
new MutationObserver(() => {  // Gradio makes a tab when it is opened
  const stage = $("live-stage");
  if (!stage || stage === watched) return;
  watched = stage;
  new IntersectionObserver(([seen]) => carry(seen.isIntersecting)).observe(stage);
}).observe(document.documentElement, {childList: true, subtree: true});
