// Leads a visitor through a step, stop by stop. Gradio runs this once, with `element` and `props`.

const STOPS = [
  {
    name: "noise",
    title: "Noise",
    text: ({ label }) => `${label} is this noise and nothing more: random numbers, the same ones every time. No flower yet.`,
    place: () => 0,
  },
  {
    name: "guess",
    title: "Guess",
    text: () =>
      "The network looks at it and says which flower might be hidden in it, and what is noise. " +
      "The first guess is blurred: it is the mean of all flowers that it could be.",
    place: () => 0,
  },
  {
    name: "mix",
    title: "Mix",
    text: () =>
      "The guess is not taken at its word. The next noisy picture is mixed anew, with a little more of the guess and a " +
      "little less of the noise: as much of each as the schedule says for this step.",
    place: (last) => Math.min(1, last),
  },
  {
    name: "repeat",
    title: "Repeat",
    text: ({ steps }) =>
      `The network looks at the mix and guesses again, a bit better every time. After ${steps} steps hardly any noise ` +
      "is left, and the flower stands.",
    place: (last) => last,
    plays: true,
  },
];
const one = (selector) => element.querySelector(selector);
const tour = one(".tour");
const scene = element.closest(".live"); // the player and the inside of a step are beside the tour

let stop = 0;
let frame = null; // what the player told last: its film, and on which canvas it shows it

function seek(index) {
  frame.canvas.dispatchEvent(new CustomEvent("film-seek", { bubbles: true, detail: { index } }));
}

function lead() {
  if (tour.hidden) return;
  const { name, title, text, place, plays } = STOPS[stop];
  scene.dataset.stop = name;
  one("h3").textContent = `${stop + 1} of ${STOPS.length}: ${title}`;
  const label = scene.querySelector(".inside-step select")?.value || "A seed";
  const told = text({ label: label[0].toUpperCase() + label.slice(1), steps: frame?.film.num_frames ?? "some" });
  if (one("p").textContent !== told) one("p").textContent = told;
  one(".back").disabled = stop === 0;
  one(".next").disabled = stop === STOPS.length - 1;
  if (!frame || frame.film.at !== null) return; // it still forms
  const moves = plays && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  seek(moves ? 0 : place(frame.film.num_frames - 1));
  if (moves) scene.querySelector(".player .play").click();
}

function go(next) {
  const focused = document.activeElement;
  stop = Math.max(0, Math.min(next, STOPS.length - 1));
  lead();
  if (focused.disabled) one(stop ? ".back" : ".next").focus(); // what has the focus must take the arrow keys
}

function begin(anew) {
  [tour.hidden, one(".begin").hidden] = [false, true];
  if (anew) frame = null;
  if (!frame) {
    const run = element.closest(".workbench").querySelector(".run-button");
    if (run?.checkVisibility()) run.click();
  }
  go(0);
  one(".next").focus();
}

function leave() {
  [tour.hidden, one(".begin").hidden] = [true, false];
  delete scene.dataset.stop;
  one(".begin").focus();
}

function follow(event) {
  if (!element.isConnected) return document.removeEventListener("film-frame", follow);
  if (!event.target.closest(`#${props.player_id}`)) return;
  const isOther = frame?.film !== event.detail.film;
  frame = event.detail;
  if (isOther) setTimeout(lead); // once the player has begun to play it
}

function beginAnew() {
  if (!element.isConnected) return document.removeEventListener("how-it-works", beginAnew);
  if (!document.body.dataset.howItWorks) return;
  delete document.body.dataset.howItWorks;
  begin(true);
}

document.addEventListener("film-frame", follow);
document.addEventListener("how-it-works", beginAnew);
one(".begin").addEventListener("click", () => begin(false));
one(".back").addEventListener("click", () => go(stop - 1));
one(".next").addEventListener("click", () => go(stop + 1));
one(".leave").addEventListener("click", leave);
tour.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  go(stop + step);
});
setTimeout(beginAnew); // it may have been asked for before the tab was there
