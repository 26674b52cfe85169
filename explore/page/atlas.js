// The map: points in WebGL, and above them, in two dimensions, what is marked.

const vertexShader = `
attribute vec2 place;
attribute vec4 colour;
uniform vec2 scale, shift;
uniform float size;
varying vec4 tint;
void main() {
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  tint = colour;
}`;

const fragmentShader = `
precision mediump float;
varying vec4 tint;
void main() {
  float away = length(gl_PointCoord - 0.5);
  float cover = 1.0 - smoothstep(0.38, 0.5, away);
  gl_FragColor = vec4(tint.rgb * tint.a * cover, tint.a * cover);
}`;

const closest = 60; // largest zoom
const reach = 14; // pixels from a point that still touch it

export class Atlas {
  // on: hover(index or -1, x, y), pick(index), lasso(indices)
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.points = root.querySelector("#points");
    this.marks = root.querySelector("#marks");
    this.x = this.y = new Float32Array();
    this.colours = new Uint8Array();
    this.view = { x: 0, y: 0, zoom: 1 };
    this.half = [1, 1]; // of the map's width and height
    this.query = -1;
    this.hits = [];
    this.ring = null; // the lasso, in pixels
    this.drawing = false;
    this.gl = this.points.getContext("webgl", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
    if (this.gl) this.prepare();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  prepare() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertexShader], [gl.FRAGMENT_SHADER, fragmentShader]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.uniforms = Object.fromEntries(["scale", "shift", "size"].map((name) => [name, gl.getUniformLocation(program, name)]));
    this.buffers = {};
    for (const [name, size, type] of [["place", 2, gl.FLOAT], ["colour", 4, gl.UNSIGNED_BYTE]]) {
      const at = gl.getAttribLocation(program, name);
      this.buffers[name] = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, type, type !== gl.FLOAT, 0, 0);
    }
  }

  fill(name, values) {
    if (!this.gl) return;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.DYNAMIC_DRAW);
  }

  // place moves the points to a map, from the one before it.
  place(x, y) {
    const from = this.x.length === x.length ? [this.x, this.y] : null;
    const to = [Float32Array.from(x), Float32Array.from(y)];
    cancelAnimationFrame(this.moving);
    if (!from || matchMedia("(prefers-reduced-motion: reduce)").matches) return this.put(...to);
    const start = performance.now();
    const step = (now) => {
      const t = Math.min(1, (now - start) / 700);
      const ease = t * t * (3 - 2 * t);
      const mix = (a, b) => (t < 1 ? a.map((v, i) => v + (b[i] - v) * ease) : b);
      this.put(mix(from[0], to[0]), mix(from[1], to[1]));
      if (t < 1) this.moving = requestAnimationFrame(step);
    };
    this.moving = requestAnimationFrame(step);
  }

  put(x, y) {
    this.x = x;
    this.y = y;
    const widest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0.2);
    this.half = [widest(x), widest(y)];
    const pairs = new Float32Array(2 * x.length);
    for (let i = 0; i < x.length; i++) {
      pairs[2 * i] = x[i];
      pairs[2 * i + 1] = y[i];
    }
    this.fill("place", pairs);
    this.draw();
  }

  // paint sets each point's colour [r, g, b, a], in bytes.
  paint(colours) {
    this.colours = colours;
    this.fill("colour", colours);
    this.draw();
  }

  // mark shows a query, -1 for none on the map, and its hits.
  mark(query, hits) {
    this.query = query;
    this.hits = hits;
    this.draw();
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    for (const canvas of [this.points, this.marks]) {
      canvas.width = Math.max(1, Math.round(this.root.clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(this.root.clientHeight * ratio));
    }
    this.draw();
  }

  // scale is pixels of CSS for a unit of the map.
  scale() {
    return 0.46 * Math.min(this.root.clientWidth / this.half[0], this.root.clientHeight / this.half[1]) * this.view.zoom;
  }

  toScreen(i) {
    const s = this.scale();
    return [this.root.clientWidth / 2 + (this.x[i] - this.view.x) * s, this.root.clientHeight / 2 - (this.y[i] - this.view.y) * s];
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.drawPoints();
      this.drawMarks();
    });
  }

  size() {
    const room = (this.root.clientWidth * this.root.clientHeight) / Math.max(1, this.x.length); // pixels for a point
    return Math.max(2.5, Math.min(14, 0.62 * Math.sqrt(room) * Math.sqrt(this.view.zoom))) * (devicePixelRatio || 1);
  }

  drawPoints() {
    const [w, h, s] = [this.root.clientWidth, this.root.clientHeight, this.scale()];
    if (!this.gl) return this.drawPlainly();
    const gl = this.gl;
    gl.viewport(0, 0, this.points.width, this.points.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (this.colours.length !== 4 * this.x.length || !w) return;
    gl.uniform2f(this.uniforms.scale, (2 * s) / w, (2 * s) / h);
    gl.uniform2f(this.uniforms.shift, (-2 * s * this.view.x) / w, (-2 * s * this.view.y) / h);
    gl.uniform1f(this.uniforms.size, this.size());
    gl.drawArrays(gl.POINTS, 0, this.x.length);
  }

  // drawPlainly does without WebGL.
  drawPlainly() {
    const c = this.points.getContext("2d");
    const ratio = devicePixelRatio || 1;
    const side = this.size() / ratio;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, this.root.clientWidth, this.root.clientHeight);
    for (let i = 0; i < this.x.length; i++) {
      const [x, y] = this.toScreen(i);
      const [r, g, b, a] = this.colours.subarray(4 * i, 4 * i + 4);
      c.fillStyle = `rgb(${r} ${g} ${b} / ${a / 255})`;
      c.fillRect(x - side / 2, y - side / 2, side, side);
    }
  }

  drawMarks() {
    const c = this.marks.getContext("2d");
    const ratio = devicePixelRatio || 1;
    const style = getComputedStyle(document.documentElement);
    const [ink, mark, paper] = ["--ink", "--mark", "--paper"].map((name) => style.getPropertyValue(name));
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, this.root.clientWidth, this.root.clientHeight);
    if (this.query >= 0) {
      const [qx, qy] = this.toScreen(this.query);
      c.strokeStyle = ink;
      c.globalAlpha = 0.22;
      c.lineWidth = 1;
      c.beginPath();
      for (const i of this.hits) {
        c.moveTo(qx, qy);
        c.lineTo(...this.toScreen(i));
      }
      c.stroke();
      c.globalAlpha = 1;
    }
    const radius = this.size() / ratio / 2 + 2.5;
    for (const i of this.hits) this.circle(c, i, radius, paper, 4), this.circle(c, i, radius, ink, 1.6);
    if (this.query >= 0) this.circle(c, this.query, radius + 4, paper, 6), this.circle(c, this.query, radius + 4, mark, 3);
    if (this.ring?.length > 1) {
      c.beginPath();
      this.ring.forEach(([x, y], n) => (n ? c.lineTo(x, y) : c.moveTo(x, y)));
      c.closePath();
      c.strokeStyle = mark;
      c.lineWidth = 1.5;
      c.stroke();
      c.globalAlpha = 0.12;
      c.fillStyle = mark;
      c.fill();
      c.globalAlpha = 1;
    }
  }

  circle(c, i, radius, colour, width) {
    const [x, y] = this.toScreen(i);
    c.beginPath();
    c.arc(x, y, radius, 0, 2 * Math.PI);
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.stroke();
  }

  // nearest is the visible point under a pixel, or -1.
  nearest(x, y) {
    let best = -1;
    let least = reach * reach;
    const s = this.scale();
    const [cx, cy] = [this.root.clientWidth / 2 - this.view.x * s, this.root.clientHeight / 2 + this.view.y * s];
    for (let i = 0; i < this.x.length; i++) {
      const dx = cx + this.x[i] * s - x;
      const dy = cy - this.y[i] * s - y;
      const d = dx * dx + dy * dy;
      if (d < least && this.colours[4 * i + 3] > 100) [best, least] = [i, d];
    }
    return best;
  }

  inside(ring) {
    const found = [];
    for (let i = 0; i < this.x.length; i++) {
      const [x, y] = this.toScreen(i);
      let within = false;
      for (let a = 0, b = ring.length - 1; a < ring.length; b = a++) {
        const [[ax, ay], [bx, by]] = [ring[a], ring[b]];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
      }
      if (within && this.colours[4 * i + 3] > 100) found.push(i);
    }
    return found;
  }

  zoomAt(factor, x, y) {
    const before = this.scale();
    this.view.zoom = Math.max(0.5, Math.min(closest, this.view.zoom * factor));
    const [dx, dy] = [x - this.root.clientWidth / 2, y - this.root.clientHeight / 2];
    this.view.x += dx / before - dx / this.scale();
    this.view.y -= dy / before - dy / this.scale();
    this.draw();
  }

  shift(dx, dy) {
    const s = this.scale();
    this.view.x -= dx / s;
    this.view.y += dy / s;
    this.draw();
  }

  whole() {
    this.view = { x: 0, y: 0, zoom: 1 };
    this.draw();
  }

  lasso(on) {
    this.drawing = on;
    this.ring = null;
    this.root.classList.toggle("lasso", on);
    this.draw();
  }

  listen() {
    const held = new Map(); // pointers that are down, by id
    let moved = 0;
    const at = (e) => {
      const box = this.root.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    this.root.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      this.root.setPointerCapture(e.pointerId);
      held.set(e.pointerId, at(e));
      moved = 0;
      if ((this.drawing || e.shiftKey) && held.size === 1) this.ring = [at(e)];
      this.on.hover(-1);
    });
    this.root.addEventListener("pointermove", (e) => {
      const [x, y] = at(e);
      if (!held.has(e.pointerId)) {
        const i = this.nearest(x, y);
        this.root.classList.toggle("over", i >= 0);
        return this.on.hover(i, x, y);
      }
      const [px, py] = held.get(e.pointerId);
      held.set(e.pointerId, [x, y]);
      moved += Math.hypot(x - px, y - py);
      if (held.size === 2) { // a pinch
        this.ring = null;
        const [ox, oy] = [...held].find(([id]) => id !== e.pointerId)[1];
        const [was, is] = [Math.hypot(px - ox, py - oy), Math.hypot(x - ox, y - oy)];
        if (was > 0) this.zoomAt(is / was, (x + ox) / 2, (y + oy) / 2);
        this.shift((x - px) / 2, (y - py) / 2);
      } else if (this.ring) {
        this.ring.push([x, y]);
        this.draw();
      } else {
        this.shift(x - px, y - py);
      }
    });
    const release = (e) => {
      if (!held.delete(e.pointerId)) return;
      const ring = this.ring;
      if (ring && e.type === "pointerup" && moved > 10) this.on.lasso(this.inside(ring));
      else if (!held.size && moved < 5 && e.type === "pointerup") {
        const i = this.nearest(...at(e));
        if (i >= 0) this.on.pick(i);
      }
      this.ring = null;
      this.draw();
    };
    for (const kind of ["pointerup", "pointercancel"]) this.root.addEventListener(kind, release);
    this.root.addEventListener("pointerleave", () => this.on.hover(-1));
    this.root.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoomAt(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), ...at(e));
    }, { passive: false });
    this.root.addEventListener("keydown", (e) => {
      const step = 60;
      const keys = {
        ArrowLeft: () => this.shift(step, 0), ArrowRight: () => this.shift(-step, 0),
        ArrowUp: () => this.shift(0, step), ArrowDown: () => this.shift(0, -step),
        "+": () => this.zoomAt(1.4, this.root.clientWidth / 2, this.root.clientHeight / 2),
        "=": () => this.zoomAt(1.4, this.root.clientWidth / 2, this.root.clientHeight / 2),
        "-": () => this.zoomAt(1 / 1.4, this.root.clientWidth / 2, this.root.clientHeight / 2),
        0: () => this.whole(),
      };
      if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
      e.preventDefault();
      keys[e.key]();
    });
  }
}

