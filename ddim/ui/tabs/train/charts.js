// Draws the charts of training runs anew from whatever value has come. Gradio runs this once, with `element`, `props`
// and `watch`.

const [controls, legend, smoothing, all] = [".controls", ".legend", ".smoothing", ".all"].map((one) =>
  element.querySelector(one),
);
// Okabe and Ito's colours, which colour-blind readers can tell apart, in shades that stand on white and on black.
const COLOURS = ["#0080c8", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#4a9fd4", "#8a6fd1", "#8c8c8c"];
const [LEFT, RIGHT, TOP, BOTTOM, HEIGHT] = [52, 12, 10, 26, 240]; // pixels
const hidden = new Set(); // the runs that are switched off

const colour = (run) => COLOURS[props.value.runs.indexOf(run) % COLOURS.length];
const told = (number) => String(Number(number.toPrecision(4)));

function svg(name, attributes, text = "") {
  const one = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) one.setAttribute(attribute, value);
  one.textContent = text;
  return one;
}

// An average that fades by `weight` from point to point, without a pull towards 0 at the beginning.
function smoothed(points, weight) {
  let [sum, weights] = [0, 0];
  return points.map(([x, y]) => {
    [sum, weights] = [weight * sum + (1 - weight) * y, weight * weights + (1 - weight)];
    return [x, sum / weights];
  });
}

// About `count` round numbers from `low` to `high`.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

function extent(numbers) {
  const low = numbers.reduce((one, other) => Math.min(one, other), Infinity);
  const high = numbers.reduce((one, other) => Math.max(one, other), -Infinity);
  return low < high ? [low, high] : [low - (Math.abs(low) || 1) / 10, high + (Math.abs(high) || 1) / 10];
}

const path = (points, x, y) => points.map((point, index) => `${index ? "L" : "M"}${x(point[0])} ${y(point[1])}`).join("");

function draw(figure, chart) {
  const width = figure.clientWidth;
  const lines = chart.lines.filter((line) => line.points.length && !hidden.has(line.run));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img" });
  picture.setAttribute("aria-label", `${chart.title} by epoch: ${lines.map(last).join("; ") || "no line"}`);
  figure.querySelector("svg")?.remove();
  figure.querySelector("h3").after(picture);
  figure.querySelector(".reading").textContent = "";
  if (!lines.length || width < LEFT + RIGHT + 20) return;

  const points = lines.flatMap((line) => line.points);
  const [[x0, x1], [y0, y1]] = [extent(points.map(([x]) => x)), extent(points.map(([, y]) => y))];
  const x = (epoch) => LEFT + ((width - LEFT - RIGHT) * (epoch - x0)) / (x1 - x0);
  const y = (number) => TOP + ((HEIGHT - TOP - BOTTOM) * (y1 - number)) / (y1 - y0);
  for (const tick of ticks(y0, y1, 5)) {
    picture.append(svg("path", { class: "line-across", d: `M${LEFT} ${y(tick)}H${width - RIGHT}` }));
    picture.append(svg("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, told(tick)));
  }
  for (const tick of ticks(x0, x1, Math.min(10, width / 70))) {
    picture.append(svg("text", { x: x(tick), y: HEIGHT - 8, "text-anchor": "middle" }, told(tick)));
  }
  const weight = smoothing.valueAsNumber;
  for (const line of lines) {
    const look = { stroke: colour(line.run), "data-run": line.run, "data-kind": line.kind };
    if (weight) picture.append(svg("path", { ...look, class: "faint", d: path(line.points, x, y) }));
    const shown = smoothed(line.points, weight);
    picture.append(svg("path", { ...look, class: "line", d: path(shown, x, y) }));
    if (line.kind === "training" || line.points.length > 60) continue;
    for (const point of shown) {
      picture.append(svg("circle", { cx: x(point[0]), cy: y(point[1]), r: 2.5, fill: colour(line.run) }));
    }
  }
  const marker = svg("path", { class: "marker", d: "" });
  picture.append(marker);
  picture.onpointermove = (event) => {
    const at = event.clientX - picture.getBoundingClientRect().left;
    const near = lines.map((line) => nearest(smoothed(line.points, weight), at, x));
    const epoch = near.reduce((one, other) => (Math.abs(x(other[0]) - at) < Math.abs(x(one[0]) - at) ? other : one))[0];
    marker.setAttribute("d", `M${x(epoch)} ${TOP}V${HEIGHT - BOTTOM}`);
    const numbers = lines.map((line, index) => `${name(line)} ${told(near[index][1])}`);
    figure.querySelector(".reading").textContent = `epoch ${told(epoch)}: ${numbers.join(" · ")}`;
  };
  picture.onpointerleave = () => {
    marker.setAttribute("d", "");
    figure.querySelector(".reading").textContent = "";
  };
}

const name = (line) => [line.run, line.kind].filter(Boolean).join(", ");
const last = (line) => `${name(line)}, last ${told(line.points.at(-1)[1])}`;

function nearest(points, at, x) {
  return points.reduce((one, other) => (Math.abs(x(other[0]) - at) < Math.abs(x(one[0]) - at) ? other : one));
}

function drawAll() {
  [...all.children].forEach((figure, index) => draw(figure, props.value.charts[index]));
}

function toggle(run) {
  const button = document.createElement("button");
  const sample = document.createElement("span");
  sample.style.background = colour(run);
  button.type = "button";
  button.append(sample, run);
  button.setAttribute("aria-pressed", String(!hidden.has(run)));
  button.onclick = () => {
    if (!hidden.delete(run)) hidden.add(run);
    button.setAttribute("aria-pressed", String(!hidden.has(run)));
    drawAll();
  };
  return button;
}

function take() {
  const { runs = [], charts = [] } = props.value || {};
  controls.hidden = runs.length === 0;
  if (String([...legend.children].map((one) => one.textContent)) !== String(runs)) legend.replaceChildren(...runs.map(toggle));
  while (all.children.length > charts.length) all.lastChild.remove();
  while (all.children.length < charts.length) {
    const figure = document.createElement("figure");
    figure.innerHTML = '<h3></h3><p class="reading"></p><figcaption></figcaption>';
    all.append(figure);
    sizes.observe(figure);
  }
  charts.forEach((chart, index) => {
    all.children[index].querySelector("h3").textContent = chart.title;
    all.children[index].querySelector("figcaption").textContent = chart.note;
  });
  drawAll();
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const index = [...all.children].indexOf(target);
    if (index >= 0 && target.clientWidth !== target.querySelector("svg")?.width.baseVal.value) {
      draw(target, props.value.charts[index]);
    }
  }
});
smoothing.addEventListener("input", drawAll);
watch("value", take);
take();
