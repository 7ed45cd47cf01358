// What all scripts look for and wait for: what is in sight, and any change of the page.

/** The first element of this kind that is in sight. */
const inSight = (selector, within = document) =>
  [...within.querySelectorAll(selector)].find((one) => one.checkVisibility());

const listeners = [];
new MutationObserver(() => listeners.forEach((listener) => listener())).observe(document, {
  attributeFilter: ["aria-label"],
  characterData: true,
  childList: true,
  subtree: true,
});

/** Have this called after each change of what the page holds, of its text and of its labels. */
const whenChanged = (listener) => listeners.push(listener);

window.playground = { inSight, whenChanged };
