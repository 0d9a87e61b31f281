// Example videos play while the pointer or the focus is on them, without sound.

const CALM = matchMedia("(prefers-reduced-motion: reduce)");

for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, event => play(at(event)));
for (const kind of ["pointerout", "focusout"]) {
  document.addEventListener(kind, event => {
    const button = at(event);
    if (button && !button.contains(event.relatedTarget)) stop(button);
  });
}

function at(event) {
  return event.target.closest?.("[data-film]");
}

function play(button) {
  if (!button || CALM.matches || button.querySelector("video")) return;
  const film = document.createElement("video");
  Object.assign(film, {muted: true, loop: true, playsInline: true, hidden: true, src: button.dataset.film});
  film.setAttribute("aria-hidden", "true");
  film.onplaying = () => {  // the picture stays until there is something to see
    film.hidden = false;
    button.querySelector("img").hidden = true;
  };
  button.append(film);
  film.play().catch(() => {});  // it was left before it began
}

function stop(button) {
  if (button.matches(":hover, :focus-visible")) return;  // the other one is still there
  button.querySelector("video")?.remove();
  button.querySelector("img").hidden = false;
}
