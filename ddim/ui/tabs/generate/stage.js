// Shows pictures that form where the finished ones will stand. Gradio runs this once, with `element`, `props`, `watch`.

const choices = Object.fromEntries([...element.querySelectorAll(".shown input")].map((one) => [one.value, one]));
const views = ["noisy", "guess"].map((name) => [name, element.querySelector(`.view.${name}`)]);
const OPENING_SECONDS = 2;
const PATIENCE = 3; // seconds: who has to wait longer for the film sees the pictures at once

let whileForming = "noisy"; // what the visitor wants to see of pictures that form

function lay(view, { seeds, columns }) {
  view.style.setProperty("--columns", columns);
  if (view.dataset.seeds === String(seeds)) return;
  view.dataset.seeds = seeds;
  view.replaceChildren(
    ...seeds.map((seed) => {
      const [cell, caption] = [document.createElement("figure"), document.createElement("figcaption")];
      caption.textContent = `seed ${seed}`;
      cell.append(document.createElement("canvas"), caption);
      return cell;
    }),
  );
}

function draw(view, sheet, columns, frame = 0, opacity = 1) {
  const side = sheet.naturalWidth / columns;
  const cells = view.querySelectorAll("canvas");
  const above = frame * Math.ceil(cells.length / columns); // rows of the frames before this one
  for (const [place, canvas] of cells.entries()) {
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const [left, top] = [place % columns, above + Math.floor(place / columns)];
    const context = canvas.getContext("2d");
    context.globalAlpha = opacity;
    context.drawImage(sheet, left * side, top * side, side, side, 0, 0, side, side);
  }
}

async function load(address) {
  const sheet = new Image();
  sheet.src = address;
  await sheet.decode();
  return sheet;
}

async function take() {
  const value = props.value;
  for (const name of ["noisy", "guess", "both"]) choices[name].disabled = !value;
  choices.finished.disabled = Boolean(value?.forms);
  if (!value) return;
  for (const [, view] of views) lay(view, value);
  if (!value.forms) choices.finished.checked = true;
  else if (choices.finished.checked) choices[whileForming].checked = true;
  const sheets = await Promise.all(views.map(([name]) => load(value[name].url)));
  if (value.noisy.url !== props.value?.noisy.url) return; // a later one has come meanwhile
  for (const [place, [, view]] of views.entries()) draw(view, sheets[place], value.columns);
}

// The first pictures form, each frame fading into the next. Whoever starts something, or looks elsewhere, ends it.
async function open() {
  const { opening } = props;
  const told = new URLSearchParams(location.search);
  const isElsewhere = told.has("seed") || (told.get("tab") ?? "generate") !== "generate";
  if (!opening || props.value || isElsewhere || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const [[, view]] = views;
  lay(view, opening);
  view.parentElement.classList.add("opening"); // the finished pictures are there, below it
  choices.noisy.checked = true;
  const tooLate = new Promise((resolve) => setTimeout(resolve, 1000 * PATIENCE));
  const film = await Promise.race([load(opening.address), tooLate]).catch(() => null);
  const start = performance.now();
  const advance = (now) => {
    const isOver = props.value || !choices.noisy.checked || !element.isConnected;
    if (isOver) return view.parentElement.classList.remove("opening");
    const position = (Math.max(0, now - start) / 1000 / OPENING_SECONDS) * opening.num_frames;
    const frame = Math.floor(position);
    if (!film || frame >= opening.num_frames) {
      choices.finished.checked = true;
    } else {
      draw(view, film, opening.columns, frame);
      if (frame + 1 < opening.num_frames) draw(view, film, opening.columns, frame + 1, position - frame);
    }
    requestAnimationFrame(advance);
  };
  requestAnimationFrame(advance);
}

element.querySelector(".shown").addEventListener("change", ({ target }) => {
  if (props.value?.forms) whileForming = target.value;
});
watch("value", take);
take();
open();
