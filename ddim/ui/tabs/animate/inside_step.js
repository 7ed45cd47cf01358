// Follows a player through the steps of its film. Gradio runs this once, with `element`, `props` and `watch`.

const one = (selector) => element.querySelector(selector);
const [svg, picture] = [one("svg"), one("select")];
const x = (time) => 24 + 270 * (1 - time); // in the units of the plot, which is 300 wide
const y = (rate) => 130 - 120 * rate;

let steps = null; // the value that is shown
let noises = null; // its sheet, once it is loaded
let frame = null; // what the player told last: which frame it shows, on which canvas

function across(event, area) {
  const { left, width } = area.getBoundingClientRect();
  return (event.clientX - left) / width;
}

function plot() {
  const [first, last] = [steps.curve[0], steps.curve.at(-1)];
  for (const [name, column, end] of [["signal", 1, last], ["noise", 2, first]]) {
    const points = steps.curve.map((rates) => `${x(rates[0])},${y(rates[column])}`);
    one(`polyline.${name}`).setAttribute("points", points.join(" "));
    one(`text.${name}`).setAttribute("y", y(end[column]));
  }
  one(".ticks").setAttribute("d", steps.steps.map(([time]) => `M${x(time)} 130v-4`).join(""));
}

function mark([time, signal, noise]) {
  one(".marker").setAttribute("transform", `translate(${x(time)})`);
  one(".time").textContent = time.toFixed(3);
  for (const [name, rate] of [["signal", signal], ["noise", noise]]) {
    one(`circle.${name}`).setAttribute("cx", x(time));
    one(`circle.${name}`).setAttribute("cy", y(rate));
    one(`.${name} dd`).textContent = rate.toFixed(3);
    one(`.${name} b`).textContent = rate.toFixed(2);
  }
}

function draw(name, source, left, top, side) {
  const canvas = one(name);
  canvas.width = canvas.height = side;
  if (source) canvas.getContext("2d").drawImage(source, left, top, side, side, 0, 0, side, side);
}

function show() {
  const rates = frame && steps?.steps[frame.index];
  one(".step").hidden = !rates;
  if (!rates) return;
  mark(rates);
  svg.setAttribute("aria-valuenow", frame.index + 1);
  svg.setAttribute("aria-valuemax", steps.steps.length);
  svg.setAttribute("aria-valuetext", `step ${frame.index + 1} of ${steps.steps.length}, diffusion time ${rates[0].toFixed(2)}`);
  const side = frame.canvas.height / 2;
  const left = side * picture.selectedIndex;
  draw(".noisy-image", frame.canvas, left, 0, side);
  draw(".image", frame.canvas, left, side, side);
  const { columns, width, height } = steps.noises ?? {};
  const [column, row] = [frame.index % columns, Math.floor(frame.index / columns)];
  draw(".noises", noises, column * width + left, row * height, side);
}

function choose(index) {
  picture.selectedIndex = index;
  const label = steps.labels[index];
  one(".noisy-image").setAttribute("aria-label", `The noisy picture of ${label} at this step`);
  one(".image").setAttribute("aria-label", `What the network takes for the picture in it`);
  one(".noises").setAttribute("aria-label", `What the network takes for the noise in it`);
  show();
}

async function take() {
  const [before, address] = [steps, props.value?.noises?.sheet.url];
  [steps, noises] = [props.value, null];
  if (!steps) return show();
  if (String(steps.labels) !== String(before?.labels)) {
    picture.replaceChildren(...steps.labels.map((label) => new Option(label)));
  }
  plot();
  choose(picture.selectedIndex);
  if (!address) return;
  const sheet = new Image();
  sheet.src = address;
  await sheet.decode();
  if (address !== props.value?.noises?.sheet.url) return; // a later one has come meanwhile
  noises = sheet;
  show();
}

function follow(event) {
  if (!element.isConnected) {
    document.removeEventListener("film-frame", follow);
  } else if (event.target.closest(`#${props.player_id}`)) {
    frame = event.detail;
    frame.canvas.onclick = (click) => choose(Math.floor(steps.labels.length * across(click, frame.canvas)));
    show();
  }
}

function seek(index) {
  frame.canvas.dispatchEvent(new CustomEvent("film-seek", { bubbles: true, detail: { index } }));
}

function seekByPointer(event) {
  if (!event.buttons) return;
  const time = 1 - (300 * across(event, svg) - 24) / 270;
  const distances = steps.steps.map((rates) => Math.abs(rates[0] - time));
  seek(distances.indexOf(Math.min(...distances)));
}

function seekByKeys(event) {
  const [here, last] = [frame.index, steps.steps.length - 1];
  const places = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, Home: 0, End: last };
  if (!(event.key in places)) return;
  event.preventDefault();
  seek(places[event.key]);
}

document.addEventListener("film-frame", follow);
picture.addEventListener("change", () => choose(picture.selectedIndex));
svg.addEventListener("pointerdown", seekByPointer);
svg.addEventListener("pointermove", seekByPointer);
svg.addEventListener("keydown", seekByKeys);
watch("value", take);
take();
