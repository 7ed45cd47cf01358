// Plays a sheet of frames on a canvas. Gradio runs this once, with `element`, `props` and `watch`.

const [canvas, play, position, place, speed] = ["canvas", ".play", ".position", ".place", ".speed"].map((one) =>
  element.querySelector(one),
);
const context = canvas.getContext("2d");
const DRAG = 5; // pixels that a pointer moves before it is no click any more

let film = null; // the value whose sheet is loaded
let sheet = null;
let index = 0;
let playing = false;
let waited = 0; // milliseconds that the frame has been shown
let before = 0; // when the browser painted last
let pressed = null; // where on the film the pointer was pressed
let isDragged = false; // since it was pressed

function show(next) {
  index = Math.max(0, Math.min(next, film.num_frames - 1));
  waited = 0;
  const cell = film.at === null ? index : 0;
  const [left, top] = [cell % film.columns, Math.floor(cell / film.columns)];
  const { width, height } = film;
  context.drawImage(sheet, left * width, top * height, width, height, 0, 0, width, height);
  position.value = index;
  position.setAttribute("aria-valuetext", `${film.unit} ${index + 1} of ${film.num_frames}`);
  place.textContent = `${index + 1} / ${film.num_frames}`;
  element.dispatchEvent(new CustomEvent("film-frame", { bubbles: true, detail: { index, canvas, film } }));
}

function setPlaying(yes) {
  playing = yes;
  play.setAttribute("aria-label", yes ? "Pause" : "Play");
  if (yes) {
    before = performance.now();
    requestAnimationFrame(advance);
  }
}

function milliseconds(frame) {
  const held = frame === 0 ? film.hold_first : frame === film.num_frames - 1 ? film.hold_last : 0;
  return 1000 * Math.max(held, 1 / film.frames_per_second);
}

function advance(now) {
  if (!playing || !element.isConnected) return;
  // What was out of sight has not been watched.
  if (element.checkVisibility()) waited += Math.min(now - before, 500) * speed.value;
  before = now;
  let [next, left] = [index, waited];
  while (left >= milliseconds(next) && (film.repeat || next < film.num_frames - 1)) {
    left -= milliseconds(next);
    next = (next + 1) % film.num_frames;
  }
  if (next !== index) {
    show(next);
    waited = left;
  }
  if (!film.repeat && index === film.num_frames - 1) setPlaying(false);
  else requestAnimationFrame(advance);
}

function stepTo(next) {
  if (film === null || film.at !== null) return;
  setPlaying(false);
  show(next);
}

function lay({ width, height, alt_text }) {
  [canvas.width, canvas.height] = [width, height];
  canvas.parentElement.style.setProperty("--aspect", width / height);
  canvas.setAttribute("aria-label", alt_text);
  showFilm(true);
}

function showFilm(yes) {
  element.querySelector(".film").hidden = !yes;
  element.querySelector(".no-film").hidden = yes;
}

async function take() {
  const value = props.value;
  if (!value?.sheet) {
    film = null;
    setPlaying(false);
    showFilm(false);
  } else {
    if (film === null) lay(value); // so that nothing below it moves when its pictures are there
    const picture = new Image();
    picture.src = value.sheet.url;
    await picture.decode();
    if (value.sheet.url !== props.value?.sheet?.url) return; // a later one has come meanwhile
    [film, sheet] = [value, picture];
    lay(film);
    position.max = film.num_frames - 1;
    const forms = film.at !== null;
    for (const control of [play, position, speed]) control.disabled = forms;
    const moves = !forms && film.num_frames > 1 && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    show(forms ? film.at : moves ? 0 : film.num_frames - 1);
    setPlaying(moves);
  }
}

play.addEventListener("click", () => {
  if (film === null) return; // its pictures are on their way
  if (!playing && !film.repeat && index === film.num_frames - 1) show(0);
  setPlaying(!playing);
});
// From edge to edge of the film lie all its frames.
function drag(event) {
  if (pressed === null || film === null) return;
  if (!isDragged && Math.abs(event.clientX - pressed) < DRAG) return;
  isDragged = true;
  canvas.setPointerCapture(event.pointerId);
  const { left, width } = canvas.getBoundingClientRect();
  stepTo(Math.round(((event.clientX - left) / width) * (film.num_frames - 1)));
}

canvas.addEventListener("pointerdown", (event) => {
  isDragged = false;
  pressed = event.button === 0 && event.isPrimary ? event.clientX : null;
});
canvas.addEventListener("pointermove", drag);
for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => (pressed = null));
canvas.addEventListener("click", (event) => isDragged && event.stopImmediatePropagation(), true);
position.addEventListener("input", () => stepTo(position.valueAsNumber));
element.addEventListener("film-seek", (event) => stepTo(event.detail.index));
watch("value", take);
take();
