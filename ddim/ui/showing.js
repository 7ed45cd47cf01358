// Results that are asked for by something else than the button of their tab: an address, a file, a picture that was sent
// on, an earlier result.
const PAUSE = 50, PATIENCE = 10_000; // milliseconds
const TO_BE_SENT = 250; // milliseconds in which a picture that opens a tab presses its button
const touched = new Set(); // tabs in which the visitor or an address has asked for something
const greeted = new Set(); // kinds of results that were shown before anything was asked for
let isStopped = false; // by its button, which Gradio does not tell from a failure
let isRestored = false; // what the address asked for when the page was opened

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const inSight = (tab, selector) =>
  [...document.querySelectorAll(`#tab-${tab} ${selector}`)].find((one) => one.checkVisibility());

/** Make what the controls of a tab ask for, by a button of its own, in place of what it is making; no tab is none. */
async function make(tab, press = "run-button") {
  if (tab) touched.add(tab);
  const before = tab ? inSight(tab, ".stop-button") : null;
  before?.click();
  for (let waited = 0; tab && waited < PATIENCE; waited += PAUSE) {
    await pause(PAUSE); // for what the controls show and hide
    const button = inSight(tab, `.${press}`);
    button?.click();
    if (button || (!before && inSight(tab, ".stop-button"))) break; // or the visitor was quicker
  }
  isRestored = true;
}

/** What is made begins, and then ends: whether it was stopped. */
const begin = () => (isStopped = false);
const wasStopped = () => isStopped;

/** Have the address bar say how to make what is shown, so that a reload brings it back. */
function follow(tab, address) {
  if (!isRestored) return;
  const told = new URLSearchParams(window.location.search);
  if (!document.getElementById(`tab-${tab}`)?.checkVisibility() || (!address && told.get("tab") === tab)) return;
  const url = new URL(address || `?tab=${tab}`, window.location.href);
  if (told.has("__theme")) url.searchParams.set("__theme", told.get("__theme"));
  history.replaceState(history.state, "", url.search.replaceAll("%2C", ",").replaceAll("%3A", ":"));
}

const made = (tab, address) => {
  touched.add(tab);
  follow(tab, address);
};
const opened = (tab, address) => follow(tab, touched.has(tab) ? address : ""); // a first result is nobody's own

/** Wait until what the address, or a picture that was sent on, asks for in a tab that was opened is under way. */
async function settle() {
  for (let waited = 0; !isRestored && waited < PATIENCE; waited += PAUSE) await pause(PAUSE);
  await pause(TO_BE_SENT);
}

/** The weights whose first result of a kind a tab shall show: once, and in place of nothing else. */
function askFirst(tab, weights, kind = tab) {
  const isFree = !touched.has(tab) && inSight(tab, ".run-button") && !inSight(tab, ".show-these");
  if (!isFree || greeted.has(kind)) return "";
  greeted.add(kind);
  return weights;
}

// Gradio then hears no button, and loads the page anew as soon as it can: the address bar has what was shown.
const LOST = "Connection to the server was lost";
const isLost = () => [...document.querySelectorAll(".toast-body")].some((one) => one.textContent.includes(LOST));
const watch = () => document.body.classList.toggle("connection-lost", isLost());
new MutationObserver(watch).observe(document.documentElement, {childList: true, subtree: true});

document.addEventListener("click", ({target}) => {
  const tab = target.closest("[data-make]")?.dataset.make;
  if (tab) make(tab);
});
document.addEventListener("click", ({target}) => (isStopped ||= target.closest(".stop-button") !== null), true);
document.addEventListener("click", ({target}) => {
  const tab = target.closest(".run-button")?.closest("[id^=tab-]");
  if (tab) touched.add(tab.id.slice("tab-".length));
}, true);

/** Whether the page shows what its address asks for, or is making it. */
const isSettled = () => isRestored;

window.playground = {make, begin, wasStopped, made, opened, settle, askFirst, isSettled};
