// Choosing, dropping and pasting files.

import {send} from "/page/visit.js";

const $ = (selector, root = document) => root.querySelector(selector);

/** Shows why something about an input did not work; "" hides it. */
export function complain(role, message) {
  const alert = $(`[data-alert="${role}"]`);
  alert.textContent = message;
  alert.hidden = !message;
}

/** Sends a file as portrait or driving video. */
export async function use(role, file, name = file.name || "file") {
  complain(role, "");
  const card = document.getElementById(role);
  card.dataset.sending = "Sending";
  try {
    await send(role, file, name, share => {
      card.dataset.sending = share < 1 ? `Sending, ${Math.round(100 * share)} %` : "Looking at it";
    });
  } catch (error) {
    complain(role, error.message);
  } finally {
    delete card.dataset.sending;
  }
}

export function pick(role) {
  $(`input[type=file][data-role="${role}"]`).click();
}

export function listen() {
  document.addEventListener("change", event => {
    const input = event.target.closest?.("input[type=file][data-role]");
    if (!input || !input.files.length) return;
    use(input.dataset.role, input.files[0]);
    input.value = "";  // so that the same file can be chosen again
  });
  // a file that misses its place must not replace the page
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, event => event.preventDefault());
  document.addEventListener("dragover", event => mark(roleAt(event)));
  for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => mark(null));
  document.addEventListener("drop", event => {
    const role = roleAt(event);
    const [file] = event.dataTransfer?.files || [];
    if (role && file) use(role, file);
  });
  document.addEventListener("paste", event => {
    const [file] = event.clipboardData?.files || [];
    if (file && file.type.startsWith("image/")) use("portrait", file);
  });
}

function roleAt(event) {
  return event.target.closest?.("#portrait, #driving")?.id || null;
}

function mark(role) {
  for (const card of document.querySelectorAll("#portrait, #driving")) card.classList.toggle("ma-over", card.id === role);
}
