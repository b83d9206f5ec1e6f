// Keys press the page's own buttons and links: without this script they still work.
"use strict";

const $ = (selector) => document.querySelector(selector);
const $$ = (selector) => [...document.querySelectorAll(selector)];
let leaving = false;

document.documentElement.classList.add("scripted");
// A page that comes back from the browser's memory takes keys again.
window.addEventListener("pageshow", () => { leaving = false; });
window.addEventListener("submit", (event) => {
  if (leaving) event.preventDefault();
  leaving = true;
});

// What the browser keeps of the reader's choices; none of it is a label.
const keep = {
  get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* private */ } },
};

for (const select of $$(".auto select")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

// ------------------------------------------------------------- images that fail
async function explain(image) {
  const note = document.createElement("p");
  note.className = "reason";
  note.textContent = "This image cannot be shown.";
  const frame = image.parentElement;
  frame.replaceChildren(note);
  const answer = await fetch(image.src);
  if (!answer.ok) note.textContent = await answer.text();
}
function watch(image) {
  image.addEventListener("error", () => explain(image));
  if (image.complete && image.naturalWidth === 0) explain(image);
}
$$(".frame img[src], .peaks img").forEach(watch);

// ------------------------------------------------------------------ what toggles
const blinking = { timer: 0, place: 0 };
const panels = () => $$("#images .frame img");
function show(step) {
  const all = panels();
  if (!all.length) return;
  blinking.place = (blinking.place + step + all.length) % all.length;
  const image = all[blinking.place];
  const frame = $("#blink .frame");
  const overlay = image.parentElement.querySelector("svg");
  frame.querySelector("svg")?.remove();
  if (overlay) frame.append(overlay.cloneNode(true));
  frame.querySelector("img").src = image.src;
  frame.querySelector("img").alt = image.alt;
  $("#blink figcaption").textContent = image.dataset.caption;
}
const toggles = {
  blink(on) {
    clearInterval(blinking.timer);
    $("#blink").hidden = !on;
    if (!on) return;
    show(0);
    // Below three a second, which nobody's eyes are harmed by (WCAG 2.3.1).
    blinking.timer = setInterval(() => show(1), 700);
  },
  peaks(on) {
    for (const place of $$(".peaks")) {
      place.hidden = !on;
      if (on && !place.firstChild) {
        const image = new Image();
        image.alt = place.dataset.alt;
        place.append(image);
        image.src = place.dataset.src;
        watch(image);
      }
    }
    keep.set("peaks", on ? "1" : "");
  },
  marks(on) {
    document.body.classList.toggle("plain", !on);
    keep.set("plain", on ? "" : "1");
  },
};
function toggle(button, on) {
  button.setAttribute("aria-pressed", String(on));
  toggles[button.dataset.do](on);
}
for (const button of $$("[data-do]")) {
  button.addEventListener("click", () =>
    toggle(button, button.getAttribute("aria-pressed") !== "true"));
}
if ($("[data-do=peaks]") && keep.get("peaks")) toggle($("[data-do=peaks]"), true);
if ($("[data-do=marks]") && keep.get("plain")) toggle($("[data-do=marks]"), false);

// -------------------------------------------------------------------------- keys
const shortcuts = $("#shortcuts");
if (shortcuts) {
  shortcuts.checked = keep.get("shortcuts") !== "off";
  shortcuts.addEventListener("change", () =>
    keep.set("shortcuts", shortcuts.checked ? "on" : "off"));
}
function turn(name, step, round) {
  const select = $(`#look select[name=${name}]`);
  if (!select) return;
  const count = select.options.length;
  const place = select.selectedIndex + step;
  if (!round && (place < 0 || place >= count)) return;
  select.selectedIndex = (place + count) % count;
  select.form.requestSubmit();
}
const keys = {
  m: () => $("#note")?.focus(),
  t: () => turn("stretch", 1, true),
  k: () => turn("cut", 1, true),
  c: () => turn("colours", 1, true),
  "+": () => turn("field", -1),
  "=": () => turn("field", -1),
  "-": () => turn("field", 1),
  ",": () => { clearInterval(blinking.timer); show(-1); },
  ".": () => { clearInterval(blinking.timer); show(1); },
  "?": () => { const help = $(".keys")?.parentElement; if (help) help.open = !help.open; },
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, select, input:not([type=checkbox])");
  if (event.key === "Escape" || (event.key === "Enter" && event.target.id === "note")) {
    event.target.blur();
    event.preventDefault();
  }
  if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (leaving || (shortcuts && !shortcuts.checked)) return;
  const button = $(`[data-key="${CSS.escape(event.key)}"]`);
  if (!button && !keys[event.key]) return;
  event.preventDefault();
  if (button) button.click();
  else keys[event.key]();
});

// ------------------------------------------------------------------ the next one
window.addEventListener("load", () => {
  for (const address of ($("#images")?.dataset.prefetch || "").split(" ")) {
    if (address) new Image().src = address;
  }
});
