// Taking a picture, recording a video.

import {complain, use} from "/page/files.js";

const TYPES = ["video/mp4;codecs=avc1.42E01E,mp4a.40.2", "video/webm;codecs=vp8,opus", "video/webm"];
const LONGEST = 120;  // seconds of a recording
let open = null;

/** Opens the camera in a card. */
export async function start(role) {
  stop();
  complain(role, "");
  if (!navigator.mediaDevices?.getUserMedia) {
    return complain(role, "Browsers give a page the camera only at localhost or over HTTPS: choose a file instead.");
  }
  let stream;
  try {
    stream = await camera(role === "driving");
  } catch (error) {
    return complain(role, reason(error));
  }
  const place = document.querySelector(`[data-camera="${role}"]`);
  const label = role === "driving" ? "Record" : "Take it";
  place.innerHTML = `<video class="ma-video" autoplay muted playsinline aria-label="Your camera"></video>
    <p class="ma-note" data-clock></p>
    <div class="ma-pair"><button type="button" class="ma-main" data-do="shutter">${label}</button>
    <button type="button" class="ma-quiet" data-do="camera-off">Close the camera</button></div>`;
  place.hidden = false;
  document.getElementById(role).classList.add("ma-filming");
  const video = place.querySelector("video");
  video.srcObject = stream;
  open = {role, stream, place, video, recorder: null};
  place.querySelector("button").focus();
}

/** Takes the picture; begins or ends the recording. */
export function shutter() {
  if (!open) return;
  if (open.role === "portrait") return takePicture();
  if (open.recorder) return open.recorder.stop();
  record();
}

/** Closes the camera. */
export function stop() {
  if (!open) return;
  const {role, stream, place, recorder} = open;
  open = null;
  if (recorder && recorder.state !== "inactive") { recorder.onstop = null; recorder.stop(); }
  for (const track of stream.getTracks()) track.stop();
  place.hidden = true;
  place.innerHTML = "";
  document.getElementById(role).classList.remove("ma-filming");
}

function takePicture() {
  const {video} = open;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  if (!canvas.width) return;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob(blob => { stop(); use("portrait", blob, "camera.jpg"); }, "image/jpeg", 0.95);
}

function record() {
  const here = open;
  const type = TYPES.find(kind => MediaRecorder.isTypeSupported(kind));
  const recorder = new MediaRecorder(here.stream, {mimeType: type});
  const pieces = [];
  const began = performance.now();
  const clock = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    here.place.querySelector("[data-clock]").textContent = `Recording, ${seconds.toFixed(0)} s`;
    if (seconds > LONGEST && recorder.state === "recording") recorder.stop();
  }, 250);
  recorder.ondataavailable = event => { if (event.data.size) pieces.push(event.data); };
  recorder.onstop = () => {
    clearInterval(clock);
    const clip = new Blob(pieces, {type});
    stop();
    use("driving", clip, type.startsWith("video/mp4") ? "recording.mp4" : "recording.webm");
  };
  here.recorder = recorder;
  here.place.querySelector("[data-do=shutter]").textContent = "Stop and use it";
  recorder.start(1000);
}

async function camera(sound) {
  const video = {width: {ideal: 1280}, height: {ideal: 720}, facingMode: "user"};
  try {
    return await navigator.mediaDevices.getUserMedia({video, audio: sound});
  } catch (error) {
    if (sound && error.name === "NotFoundError") return navigator.mediaDevices.getUserMedia({video});  // no microphone
    throw error;
  }
}

function reason(error) {
  if (error.name === "NotAllowedError") return "The camera was not allowed: allow it beside the page's address, then try again.";
  if (error.name === "NotFoundError") return "No camera was found: choose a file instead.";
  if (error.name === "NotReadableError") return "The camera is in use by another program: end that one, then try again.";
  return `The camera does not work (${error.message || error.name}): choose a file instead.`;
}
