// A visitor's last results, in the browser that made them: the newest first, those with a star for good.
const KEPT_AS = "ddim-playground-history";
const MAX_RESULTS = 24;

const read = () => JSON.parse(localStorage.getItem(KEPT_AS) ?? "[]");

function keep(results) {
  const starred = results.filter((one) => one.star);
  const others = results.filter((one) => !one.star).slice(0, Math.max(0, MAX_RESULTS - starred.length));
  localStorage.setItem(KEPT_AS, JSON.stringify(results.filter((one) => one.star || others.includes(one))));
  window.dispatchEvent(new Event(KEPT_AS));
}

function titleOf(address) {
  const told = new URLSearchParams(address);
  const seeds = told.get("seeds") ?? told.get("seed");
  const species = told.get("class_name") ?? told.get("class_names");
  return [told.get("tab"), `seed ${seeds}`, species, `${told.get("num_steps")} steps`].filter(Boolean).join(", ");
}

/** The first picture that a tab shows, small: who made it may be in another tab by now. */
async function pictureOf(tab) {
  const shown = [...tab.querySelectorAll(".pictures img, .pictures canvas")].find(
    (one) => (one.checkVisibility() || !tab.checkVisibility()) && !one.closest(".live, .history"),
  );
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  if (shown) {
    await shown.decode?.().catch(() => {});
    const side = Math.min(shown.naturalWidth ?? shown.width, shown.naturalHeight ?? shown.height);
    canvas.getContext("2d").drawImage(shown, 0, 0, side, side, 0, 0, 64, 64);
  }
  return canvas.toDataURL();
}

window.playground.history = {
  /** Keep what the tab of this address shows. */
  async add(address) {
    const {search, searchParams} = new URL(address, window.location.href);
    const picture = await pictureOf(document.getElementById(`tab-${searchParams.get("tab")}`));
    const [others, before] = [read().filter((one) => one.address !== search), read().find((one) => one.address === search)];
    keep([{address: search, picture, star: before?.star}, ...others]);
  },

  /** Show the results in `element`, and tell `trigger` which one is chosen. */
  show(element, trigger) {
    const list = element.querySelector("ol");
    const [heading, forget] = [element.querySelector("p"), element.querySelector(".forget")];

    function button(className, label, pressed, act) {
      const made = document.createElement("button");
      made.type = "button";
      made.className = className;
      made.title = made.ariaLabel = label;
      if (pressed !== null) made.ariaPressed = String(Boolean(pressed));
      made.addEventListener("click", act);
      return made;
    }

    function item({address, picture, star}) {
      const title = titleOf(address);
      const back = button("back", title, null, () => trigger("select", {address, as_stop: false}));
      const small = document.createElement("img");
      small.src = picture;
      small.alt = "";
      back.append(small);
      const toggle = () => keep(read().map((one) => (one.address === address ? {...one, star: !one.star} : one)));
      const starred = button("star", `Star ${title}`, star, toggle);
      const parts = [back, starred];
      if (new URLSearchParams(address).get("tab") === "generate")
        parts.push(button("stop", `Use ${title} as a stop of a walk`, null, () => trigger("select", {address, as_stop: true})));
      const made = document.createElement("li");
      made.append(...parts);
      return made;
    }

    function draw() {
      const results = read();
      list.replaceChildren(...results.map(item));
      heading.hidden = forget.hidden = results.length === 0;
    }

    window.addEventListener(KEPT_AS, draw);
    window.addEventListener("storage", draw);
    forget.addEventListener("click", () => keep([]));
    draw();
  },
};
