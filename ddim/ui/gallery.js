// Gradio calls each picture of a gallery "Thumbnail 3 of 16". What names it is its caption, which is in the grid alone.
window.playground.whenChanged(() => {
  for (const gallery of document.querySelectorAll(".gallery")) {
    const names = [...gallery.querySelectorAll(".caption-label")].map((one) => one.textContent.trim());
    for (const row of gallery.querySelectorAll(".grid-container, .thumbnails")) {
      for (const [place, thumbnail] of row.querySelectorAll(".thumbnail-item").entries()) {
        const isNamed = !names[place] || thumbnail.getAttribute("aria-label") === names[place];
        if (!isNamed) thumbnail.setAttribute("aria-label", names[place]);
      }
    }
  }
});
