// Results that are asked for by something else than the button of their tab: an address, a file, a picture that was sent
// on, an earlier result.
const PAUSE = 50, PATIENCE = 10_000; // milliseconds
let asItIs = false;
let isRestored = false; // what the address asked for when the page was opened

const inSight = (tab, selector) =>
  [...document.querySelectorAll(`#tab-${tab} ${selector}`)].find((one) => one.checkVisibility());

/** Make what the controls of a tab ask for, by its own button, in place of what it may be making; no tab is none. */
async function make(tab) {
  isRestored = true;
  if (!tab) return;
  inSight(tab, ".stop-button")?.click();
  for (let waited = 0; waited < PATIENCE; waited += PAUSE) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    const button = inSight(tab, ".run-button");
    if (button) {
      asItIs = true;
      return button.click();
    }
  }
}

/** Whether the press under way is for the seed that stands there, even if each press is to draw a new one. */
function keepsSeed() {
  const keeps = asItIs;
  asItIs = false;
  return keeps;
}

/** Have the address bar say how to make what is shown, so that a reload brings it back. */
function follow(tab, address) {
  if (!isRestored) return;
  const told = new URLSearchParams(window.location.search);
  if (!document.getElementById(`tab-${tab}`)?.checkVisibility() || (!address && told.get("tab") === tab)) return;
  const url = new URL(address || `?tab=${tab}`, window.location.href);
  if (told.has("__theme")) url.searchParams.set("__theme", told.get("__theme"));
  history.replaceState(history.state, "", url.search.replaceAll("%2C", ",").replaceAll("%3A", ":"));
}

// Gradio then hears no button, and loads the page anew as soon as it can: the address bar has what was shown.
const LOST = "Connection to the server was lost";
const isLost = () => [...document.querySelectorAll(".toast-body")].some((one) => one.textContent.includes(LOST));
const watch = () => document.body.classList.toggle("connection-lost", isLost());
new MutationObserver(watch).observe(document.documentElement, {childList: true, subtree: true});

document.addEventListener("click", ({target}) => {
  const tab = target.closest?.("[data-make]")?.dataset.make;
  if (tab) make(tab);
});

/** Whether the page shows what its address asks for, or is making it. */
const isSettled = () => isRestored;

window.playground = {make, keepsSeed, follow, isSettled};
