// The plane explored: drag on it, or move the ring by the arrow keys, and the picture follows. Gradio runs this once,
// with `element`, `props`, `trigger` and `watch`. Its value is {size, across, down, is_exact, ring}, or null without a
// plane; `is_exact` says that the picture under the blend is the one of that point.

const MILLISECONDS_BETWEEN_QUESTIONS = 200;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEY_STEP = 0.02; // with Shift, from picture to picture

const plane = element.closest(".plane");
const [surface, ring, blend, caption, canvas] = [".surface", ".ring", ".blend", "figcaption", "canvas"].map((one) =>
  element.querySelector(one),
);
const context = canvas.getContext("2d");

let point = { across: 0.5, down: 0.5 };
let held = false; // by a pointer or a key
let frame = 0;
let question = 0; // when it is time for it, the server is asked for a picture of few steps

function draw() {
  frame = 0;
  const sheet = plane.querySelector(".plane-sheet img");
  if (!props.value || !sheet?.naturalWidth) return;
  const { size } = props.value;
  const side = sheet.naturalWidth / size;
  [canvas.width, canvas.height] = [side, side];
  const [x, y] = [point.across * (size - 1), point.down * (size - 1)];
  const [left, top] = [Math.floor(x), Math.floor(y)];
  let total = 0;
  for (const [column, row] of [[left, top], [left + 1, top], [left, top + 1], [left + 1, top + 1]]) {
    const weight = (1 - Math.abs(column - x)) * (1 - Math.abs(row - y));
    if (weight === 0) continue; // which may be beyond the edge
    total += weight;
    context.globalAlpha = weight / total; // over those before, so that in the end each has its weight
    context.drawImage(sheet, column * side, row * side, side, side, 0, 0, side, side);
  }
  const draft = plane.querySelector(".plane-draft img");
  if (!draft?.naturalWidth) return;
  const away = Math.hypot(point.across - draft.dataset.across, point.down - draft.dataset.down) * (size - 1);
  context.globalAlpha = Math.max(0, 1 - away); // it is right where it was made, and no nearer than the sheet a cell away
  context.drawImage(draft, 0, 0, side, side);
}

function drawSoon() {
  frame ||= requestAnimationFrame(draw);
}

function show(isExact) {
  const told = `across ${point.across}, down ${point.down}`;
  const [left, top] = [point.across, point.down].map(
    (coordinate) => `${(100 * (0.5 + coordinate * (props.value.size - 1))) / props.value.size}%`,
  );
  Object.assign(ring.style, { left, top });
  ring.setAttribute("aria-valuenow", point.across);
  ring.setAttribute("aria-valuetext", told);
  caption.textContent = `A${told.slice(1)}, blended`;
  blend.hidden = isExact;
  drawSoon();
}

function tell(event) {
  clearTimeout(question);
  question = 0;
  props.value = { ...props.value, ...point, is_exact: false, ring: true };
  trigger(event);
}

function moveTo(across, down) {
  const [nextAcross, nextDown] = [across, down].map((one) => Math.round(1000 * Math.min(Math.max(one, 0), 1)) / 1000);
  point = { across: nextAcross, down: nextDown };
  ring.hidden = false;
  show(false);
  question ||= setTimeout(() => tell("input"), MILLISECONDS_BETWEEN_QUESTIONS);
}

function moveToPointer(event) {
  const { left, top, width, height } = surface.getBoundingClientRect();
  const { size } = props.value;
  const [column, row] = [((event.clientX - left) / width) * size, ((event.clientY - top) / height) * size];
  moveTo((column - 0.5) / (size - 1), (row - 0.5) / (size - 1));
}

function release() {
  if (!held) return;
  held = false;
  tell("select");
}

function take() {
  const value = props.value;
  surface.hidden = !value;
  if (!value) {
    blend.hidden = true;
  } else if (!held) {
    ring.hidden = !value.ring;
    point = { across: value.across ?? point.across, down: value.down ?? point.down };
    show(value.is_exact);
  }
}

surface.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  event.preventDefault(); // no text is selected
  held = true;
  surface.setPointerCapture(event.pointerId);
  moveToPointer(event);
  ring.focus({ preventScroll: true });
});
surface.addEventListener("pointermove", (event) => {
  if (held && surface.hasPointerCapture(event.pointerId)) moveToPointer(event);
});
surface.addEventListener("lostpointercapture", release);
ring.addEventListener("keydown", (event) => {
  const direction = KEYS[event.key];
  if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  held = true;
  const step = event.shiftKey ? 1 / (props.value.size - 1) : KEY_STEP;
  moveTo(point.across + step * direction[0], point.down + step * direction[1]);
});
ring.addEventListener("keyup", (event) => {
  if (KEYS[event.key]) release();
});
ring.addEventListener("blur", release);
plane.addEventListener("load", drawSoon, true); // of a sheet, or of a draft
watch("value", take);
take();
