// Reads the curves of a page: their values at the pointer, or from point to point by the arrow keys.
function readCurves(root) {
  for (const svg of root.querySelectorAll("svg.curve")) readCurve(svg);
}

function readCurve(svg) {
  const lines = [...svg.querySelectorAll("path[data-values]")].map((path) => ({
    places: path.getAttribute("d").slice(1).split("L").map((p) => p.split(" ").map(Number)),
    values: path.dataset.values.trim().split(" ").map((v) => v.split(":")),
  }));
  const axis = svg.querySelector("text.x"), name = axis.textContent;
  const cursor = document.createElementNS(svg.namespaceURI, "path");
  cursor.setAttribute("class", "cursor");
  svg.append(cursor);
  svg.tabIndex = 0;
  svg.setAttribute("role", "slider");
  svg.setAttribute("aria-roledescription", "curve");
  svg.setAttribute("aria-readonly", "true");
  svg.setAttribute("aria-valuemin", 0);
  svg.setAttribute("aria-valuemax", lines[0].places.length - 1);
  let at = lines[0].places.length - 1; // the last is what one wants to know first
  tell();

  function nearest(places, x) {
    return places.reduce((best, p, i) => (Math.abs(p[0] - x) < Math.abs(places[best][0] - x) ? i : best), 0);
  }

  // tell says the values at the point where it stands.
  function tell() {
    const x = lines[0].places[at][0];
    const values = lines.map((line) => line.values[nearestOf(line, x)][1]);
    const text = `${name} ${lines[0].values[at][0]}: ${values.join(" and ")}`;
    svg.setAttribute("aria-valuenow", at);
    svg.setAttribute("aria-valuetext", text);
    return text;
  }

  function nearestOf(line, x) {
    return line === lines[0] ? at : nearest(line.places, x);
  }

  function show(i) {
    at = Math.max(0, Math.min(lines[0].places.length - 1, i));
    axis.textContent = tell();
    axis.classList.add("read");
    cursor.setAttribute("d", `M${lines[0].places[at][0]} 28V220`);
  }

  function rest() {
    axis.textContent = name;
    axis.classList.remove("read");
    cursor.removeAttribute("d");
  }

  svg.addEventListener("pointermove", (e) => show(nearest(lines[0].places, new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse()).x)));
  svg.addEventListener("pointerleave", () => document.activeElement === svg || rest());
  svg.addEventListener("focus", () => svg.matches(":focus-visible") && show(at));
  svg.addEventListener("blur", rest);
  svg.addEventListener("keydown", (e) => {
    const last = lines[0].places.length - 1;
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: 0, End: last }[e.key];
    if (to === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    show(to);
  });
}
