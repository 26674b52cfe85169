// The pictures of a list.

// crisp shows small pictures pixel by pixel.
export function crisp(image) {
  image.addEventListener("load", () => image.classList.toggle("crisp", image.naturalWidth <= 64));
}

function element(kind, text, className = "") {
  const e = document.createElement(kind);
  e.textContent = text;
  e.className = className;
  return e;
}

// cell is a picture with what is said of it. item: {id, kind, similarity, note, shared}: kind is its class,
// note a number to be shown, shared its place in the list beside this one. on: {press, enter, leave}.
export function cell(item, place, url, on) {
  const { id, kind, similarity, note, shared } = item;
  const button = document.createElement("button");
  const image = document.createElement("img");
  button.type = "button";
  button.dataset.id = id;
  button.title = id;
  image.loading = "lazy";
  image.alt = "";
  image.src = url;
  crisp(image);
  button.append(image);
  if (shared) {
    button.classList.add("shared");
    button.append(element("span", `${shared.of} ${shared.place}`, "badge"));
  }
  if (similarity !== undefined) {
    const line = element("span", "", "bar-of");
    const length = document.createElement("i");
    length.style.width = `${100 * Math.max(0, Math.min(1, similarity))}%`;
    line.append(length);
    button.append(line);
  }
  const caption = element("span", "", "caption");
  const heading = document.createElement("b");
  heading.append(element("em", kind || id.split("/").pop()));
  if (similarity !== undefined || note !== undefined) heading.append(note ?? similarity.toFixed(3));
  caption.append(heading, id);
  button.append(caption);
  const says = [`${place}. ${id}`, kind, similarity !== undefined && `similarity ${similarity.toFixed(2)}`, note !== undefined && `score ${note}`, shared && `number ${shared.place} of ${shared.of}, too`];
  button.setAttribute("aria-label", `${says.filter(Boolean).join(", ")}. Show what is like it.`);
  button.addEventListener("click", on.press);
  for (const event of ["pointerenter", "focus"]) button.addEventListener(event, on.enter);
  for (const event of ["pointerleave", "blur"]) button.addEventListener(event, on.leave);
  const entry = document.createElement("li");
  entry.append(button);
  return entry;
}
