// Shows pictures that form where the finished ones will stand. Gradio runs this once, with `element`, `props`, `watch`.

const choices = Object.fromEntries([...element.querySelectorAll(".shown input")].map((one) => [one.value, one]));
const views = ["noisy", "guess"].map((name) => [name, element.querySelector(`.view.${name}`)]);
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

function draw(view, sheet, columns) {
  const side = sheet.naturalWidth / columns;
  for (const [place, canvas] of view.querySelectorAll("canvas").entries()) {
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const [left, top] = [place % columns, Math.floor(place / columns)];
    canvas.getContext("2d").drawImage(sheet, left * side, top * side, side, side, 0, 0, side, side);
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

element.querySelector(".shown").addEventListener("change", ({ target }) => {
  if (props.value?.forms) whileForming = target.value;
});
watch("value", take);
take();
