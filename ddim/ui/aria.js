// What screen readers are told and Gradio has no words for: names, and how far the work has got.

const SILENCE = 5000; // milliseconds from the first step that is told of to the next; then twice as long, and so on

const corner = document.createElement("div");
corner.className = "spoken";
const spoken = document.createElement("div"); // hidden from who searches the page, which has the same words already
spoken.setAttribute("role", "status");
corner.attachShadow({ mode: "closed" }).append(spoken);
const heard = new WeakMap(); // the text of each status that was told, or was there from the start
let silence = SILENCE;
let quietUntil = 0;
let waiting = null;

function speak() {
  clearTimeout(waiting);
  for (const status of document.querySelectorAll(".prose.status")) {
    const text = status.textContent;
    if (!heard.has(status)) heard.set(status, text);
    if (heard.get(status) === text || !status.checkVisibility()) continue;
    const progresses = status.querySelector("progress") !== null;
    const rest = quietUntil - performance.now();
    if (progresses && rest > 0) {
      waiting = setTimeout(speak, rest);
      continue;
    }
    heard.set(status, text);
    spoken.textContent = status.innerText.trim();
    silence = progresses ? 2 * silence : SILENCE;
    quietUntil = performance.now() + silence;
  }
}

function mend() {
  // What is empty has no role that could have a name, and the other says the same in other words than can be read.
  const misnamed = document.querySelectorAll(".empty[aria-label]:not([role]), .upload-container[aria-label]");
  for (const one of misnamed) one.removeAttribute("aria-label");
  for (const code of document.querySelectorAll(".cm-scroller[tabindex='-1']")) code.tabIndex = 0; // keys scroll it too
}

window.playground.whenChanged(() => {
  if (document.body && !corner.isConnected) document.body.append(corner);
  mend();
  speak();
});
