// What was driven plays beside what drove it, with the result's control; settings used again; the handles of a part.

const $ = selector => document.querySelector(selector);
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const FARTHEST = 0.12;  // seconds that the driver may be off before it is set right

for (const kind of ["play", "pause", "seeking", "timeupdate", "ratechange"]) {
  document.addEventListener(kind, event => {  // media events do not bubble
    if (event.target.matches?.(".ma-result")) together(event.target);
    if (kind === "play" && CALM.matches && event.target.matches?.(".ma-example video")) event.target.pause();
  }, true);
}

function together(result) {
  const driver = $(".ma-beside");
  if (!driver) return;
  const at = Number(driver.dataset.start) + result.currentTime;
  if (Math.abs(driver.currentTime - at) > FARTHEST) driver.currentTime = at;
  driver.playbackRate = result.playbackRate;
  if (result.paused === driver.paused) return;
  if (result.paused) driver.pause(); else driver.play().catch(() => {});
}

document.addEventListener("click", event => {
  const button = event.target.closest?.("[data-do]");
  if (button?.dataset.do === "again") {
    window.megactor.again = JSON.parse(button.dataset.settings);
    $("#again").click();
    trimmed(window.megactor.again);
  }
  if (button?.dataset.do === "example-pause") {
    const film = button.querySelector("video");
    if (film.paused) film.play(); else film.pause();
  }
});

document.addEventListener("input", event => {
  if (event.target.matches?.("[data-trim]")) trim(event.target);
  if (event.target.closest?.("#start, #end")) trimmed(["start", "end"].map(name => $(`#${name} :is(input, textarea)`).value));
});

/** A handle was moved: neither passes the other, and the settings say where they stand. */
function trim(handle) {
  const [start, end] = document.querySelectorAll("[data-trim]");
  if (start.valueAsNumber > end.valueAsNumber - 0.1) {
    if (handle === start) start.value = Math.max(0, end.valueAsNumber - 0.1); else end.value = start.valueAsNumber + 0.1;
  }
  window.megactor.part = [start.valueAsNumber > 0 ? start.value : "", end.valueAsNumber < Number(end.max) ? end.value : ""];
  $("#part").click();
  const video = $("#driving video.ma-video");
  if (video) video.currentTime = handle.valueAsNumber;
  tell(start, end);
}

/** The settings were changed: the handles go where they say; `values` begins with start and end. */
export function trimmed([from, to]) {
  const [start, end] = document.querySelectorAll("[data-trim]");
  if (!start) return;
  start.value = Number(from) || 0;
  end.value = to === "" || isNaN(Number(to)) ? end.max : Number(to);
  tell(start, end);
}

function tell(start, end) {
  const whole = start.valueAsNumber <= 0 && end.valueAsNumber >= Number(end.max);
  const words = whole ? "all of it" : `${start.valueAsNumber.toFixed(1)} to ${end.valueAsNumber.toFixed(1)} s`;
  start.closest(".ma-trim").querySelector("output").textContent = words;
}
