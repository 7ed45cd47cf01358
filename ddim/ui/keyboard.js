// What the keys do on the whole page, and where focus goes when what had it disappears.

const { inSight, whenChanged } = window.playground;

// Ctrl+Enter runs and Esc stops what the visible tab has to run or to stop.
function runOrStop(event) {
  // Esc may be meant for something else: an open list, or a picture that fills the screen.
  const meantElsewhere = document.fullscreenElement || event.target.getAttribute("aria-expanded") === "true";
  if (event.repeat || event.defaultPrevented || meantElsewhere) return;
  const runs = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  const button = inSight(runs ? ".run-button" : event.key === "Escape" ? ".stop-button" : "#none");
  if (!button || button.disabled) return;
  event.preventDefault();
  button.click();
}

function moveAmongTabs(event) {
  const tab = event.target.closest("[role=tab]");
  if (!tab || event.ctrlKey || event.altKey || event.metaKey) return;
  const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]:not(:disabled)")];
  const place = tabs.indexOf(tab);
  const places = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: tabs.length - 1 };
  if (!(event.key in places)) return;
  event.preventDefault();
  const next = tabs.at(places[event.key] % tabs.length);
  next.focus();
  next.click();
}

document.addEventListener("keydown", runOrStop);
document.addEventListener("keydown", moveAmongTabs);
window.addEventListener(
  "keydown",
  (event) => {
    // Gradio would open the list again, once focus has left it.
    if (event.key === "Tab" && event.target.matches("[role=combobox]")) event.stopPropagation();
    // The button that comes in the place of the one that was pressed is not meant by a key still held down.
    if (event.repeat && event.target.matches(".run-button, .stop-button")) event.preventDefault();
  },
  true,
);

let left = null; // what had focus last: the column of the two buttons, or the gallery of a large picture
let chosen = 0; // the place of this picture in its gallery

document.addEventListener("pointerdown", () => (left = null), true);
document.addEventListener("focusin", ({ target }) => {
  const preview = target.closest(".preview");
  left = preview ? preview.closest(".gallery") : target.matches(".run-button, .stop-button") ? target.closest(".run") : null;
  if (preview) chosen = [...preview.querySelectorAll(".thumbnail-item")].findIndex((one) => one.matches(".selected"));
});

whenChanged(() => {
  if (left === null || document.activeElement !== document.body) return;
  const picture = left.querySelectorAll(".grid-container .thumbnail-item")[chosen];
  (picture ?? inSight(".run-button, .stop-button", left))?.focus();
});
