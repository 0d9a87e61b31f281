// The square of the portrait that is animated: dragged by its corners or its middle, or moved by keys.

import {complain} from "/page/files.js";
import {ask} from "/page/visit.js";

const STEP = 0.02, LEAP = 0.1;  // of the picture's shorter side, for a key
const PAUSE = 500;  // milliseconds without a key, behind which the server is told
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
let drag = null;
let pause = null;
let untold = null;  // a square that was moved, while the server does not know of it

export const focus = () => document.querySelector(".ma-crop")?.focus();

/** What the server knows of a square: now [x, y, side], picture [width, height], face [x0, y0, x1, y1], most; pixels. */
const known = square => JSON.parse(square.dataset.square);
const place = square => square.dataset.place ? JSON.parse(square.dataset.place) : known(square).now;

/** The nearest square within the picture that holds the face; its side grows from `fixed`, a point in parts of it. */
function fitted({picture, face, most}, [x, y, side], fixed) {
  const least = Math.max(face[2] - face[0], face[3] - face[1]);
  const fits = Math.min(Math.max(side, least), Math.max(most, least));
  const at = [x, y].map((start, axis) => {
    const moved = start + fixed[axis] * (side - fits);
    const first = Math.max(0, face[axis + 2] - fits), last = Math.min(face[axis], picture[axis] - fits);
    return Math.round(Math.max(Math.min(moved, last), first));
  });
  return [...at, Math.round(fits)];
}

function show(square, [x, y, side]) {
  const {picture: [width, height]} = known(square);
  square.dataset.place = JSON.stringify([x, y, side]);
  const parts = {left: x / width, top: y / height, width: side / width, height: side / height};
  for (const [name, part] of Object.entries(parts)) square.style[name] = `${100 * part}%`;
  const percent = part => `${Math.round(100 * part)} %`;
  square.setAttribute("aria-valuenow", Math.round(100 * side / Math.min(width, height)));
  square.setAttribute("aria-valuetext", `${percent(parts.left)} from the left, ${percent(parts.top)} from the top, ${percent(parts.width)} wide`);
}

/** News replace the card: a square that is being moved goes on from where it is, unless it is another face's. */
export function keep() {
  const held = drag?.square || untold;
  if (!held || held.isConnected) return;
  const square = document.querySelector(".ma-crop");
  const about = one => JSON.stringify([known(one).picture, known(one).face]);
  if (!square || about(square) !== about(held)) {
    clearTimeout(pause);
    drag = untold = null;
    return;
  }
  if (untold) show(untold = square, place(held));
  if (drag) {
    drag.square = square;
    square.setPointerCapture(drag.pointer);
  }
}

function tell(square) {
  clearTimeout(pause);
  untold = null;
  complain("portrait", "");
  ask("POST", "/crop", place(square)).catch(error => {
    complain("portrait", error.message);
    show(square, known(square).now);
  });
}

document.addEventListener("pointerdown", event => {
  const square = event.target.closest?.(".ma-crop");
  if (!square || event.button) return;
  event.preventDefault();  // no picture is dragged, no text chosen
  square.focus({focusVisible: false});
  square.setPointerCapture(event.pointerId);
  const {width} = square.parentElement.getBoundingClientRect();
  drag = {square, pointer: event.pointerId, corner: event.target.dataset.corner || "", x: event.clientX, y: event.clientY,
    scale: known(square).picture[0] / width, from: place(square), moved: false};
});

document.addEventListener("pointermove", event => {
  if (!drag) return;
  const {square, corner, scale, from: [x, y, side]} = drag;
  const right = scale * (event.clientX - drag.x), down = scale * (event.clientY - drag.y);
  drag.moved ||= Math.hypot(right, down) > 2 * scale;
  if (!drag.moved) return;
  untold = square;
  if (!corner) return show(square, fitted(known(square), [x + right, y + down, side], [0.5, 0.5]));
  const west = corner.endsWith("w"), north = corner.startsWith("n");
  const grown = Math.max((west ? -right : right), (north ? -down : down));
  const wanted = [west ? x - grown : x, north ? y - grown : y, side + grown];
  show(square, fitted(known(square), wanted, [west ? 1 : 0, north ? 1 : 0]));
});

for (const kind of ["pointerup", "pointercancel"]) {
  document.addEventListener(kind, () => {
    if (drag?.moved) tell(drag.square);
    drag = null;
  });
}

document.addEventListener("keydown", event => {
  const square = event.target.closest?.(".ma-crop");
  if (!square || event.ctrlKey || event.metaKey || event.altKey) return;
  const {picture} = known(square);
  const way = Math.min(...picture) * (event.shiftKey ? LEAP : STEP), [x, y, side] = place(square);
  const arrow = ARROWS[event.key], grows = {"+": 1, "=": 1, "-": -1, "_": -1}[event.key];
  if (!arrow && !grows) return;
  event.preventDefault();
  const wanted = arrow ? [x + way * arrow[0], y + way * arrow[1], side]
    : [x - grows * way / 2, y - grows * way / 2, side + grows * way];
  show(square, fitted(known(square), wanted, [0.5, 0.5]));
  untold = square;
  clearTimeout(pause);
  pause = setTimeout(() => tell(untold), PAUSE);
});
