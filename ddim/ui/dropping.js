// A file that is dropped anywhere on the page goes to where files are brought back, with a word and the picture meanwhile.
const overlay = document.createElement("div");
overlay.className = "dropping";
overlay.hidden = true;
const [picture, word] = [document.createElement("img"), document.createElement("p")];
picture.alt = "";
overlay.append(picture, word);
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
// A field of its own, such as that of pictures to learn from, takes what is dropped on it.
const isTaken = (event) => Boolean(event.target.closest?.("button")?.querySelector("input[type=file]"));

function show(text, source) {
  word.textContent = text;
  picture.hidden = !source;
  if (source) picture.src = source;
  overlay.hidden = false;
  document.body.append(overlay);
}

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  if (isTaken(event)) overlay.hidden = true;
  else show("Drop a picture or film that was made here, and its settings come back.");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) overlay.hidden = true;
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event) || isTaken(event)) return;
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  const source = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
  show(`Bringing back ${file.name}`, source);
  setTimeout(() => {
    overlay.hidden = true;
    if (source) URL.revokeObjectURL(source);
  }, 1200);
  const field = document.querySelector(".bring-back input[type=file]");
  const files = new DataTransfer();
  files.items.add(file);
  field.files = files.files;
  field.dispatchEvent(new Event("change", {bubbles: true}));
});
