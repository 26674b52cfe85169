// Shows what the point under the pointer is; the arrow keys walk to the nearest in a direction.
const map = document.getElementById("map"), here = document.getElementById("here");
const thumb = document.getElementById("thumb"), place = document.getElementById("place");
const points = [...map.querySelectorAll("circle[data-i]")].map(c => ({ x: +c.getAttribute("cx"), y: +c.getAttribute("cy") }));
let at = -1;

function show(i) {
  at = i;
  here.setAttribute("cx", points[i].x);
  here.setAttribute("cy", points[i].y);
  const scale = thumb.clientWidth / sprite.side;
  thumb.style.backgroundImage = `url(${document.getElementById("sprite").src})`;
  thumb.style.backgroundSize = `${sprite.columns * sprite.side * scale}px`;
  thumb.style.backgroundPosition = `${-(i % sprite.columns) * thumb.clientWidth}px ${-Math.floor(i / sprite.columns) * thumb.clientWidth}px`;
  place.textContent = names[i];
}

map.addEventListener("mousemove", e => {
  const p = new DOMPoint(e.clientX, e.clientY).matrixTransform(map.getScreenCTM().inverse());
  let best = -1, least = 400;
  points.forEach((q, i) => {
    const d = (q.x - p.x) ** 2 + (q.y - p.y) ** 2;
    if (d < least) [best, least] = [i, d];
  });
  if (best >= 0 && best !== at) show(best);
});

map.addEventListener("keydown", e => {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
  if (!way) return;
  e.preventDefault();
  if (at < 0) return show(0);
  let best = at, least = Infinity;
  points.forEach((q, i) => {
    const dx = q.x - points[at].x, dy = q.y - points[at].y;
    const along = dx * way[0] + dy * way[1], across = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    if (i !== at && along > 0 && along >= across && along + across < least) [best, least] = [i, along + across];
  });
  show(best);
});
