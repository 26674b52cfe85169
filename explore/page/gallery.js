// The images: one query at a time, its hits by one network or two, and where they are on the map.

import * as api from "./api.js";
import { Atlas } from "./atlas.js";
import { cell, crisp } from "./cells.js";
import { choices } from "./choices.js";
import { css } from "./colours.js";
import { byGroup, byScore } from "./painting.js";

const $ = (selector) => document.querySelector(selector);
const page = 60; // pictures that are shown at once, and hits that are asked for

const number = (n) => n.toLocaleString("en");
const last = (id) => id.split("/").pop();

// Side is one gallery of those that are compared.
class Side {
  constructor({ name, at }, letter) {
    this.name = name;
    this.letter = letter;
    this.api = api.gallery(at);
    this.points = { ids: [], labels: [], classes: [] };
    this.rowOf = new Map(); // of an id
    this.maps = {};
    this.clusters = null;
    this.scores = [];
    this.ready = false;
  }

  take(points) {
    this.points = points;
    this.rowOf = new Map(points.ids.map((id, i) => [id, i]));
    this.ready = true;
  }

  classAt(i) {
    return this.points.labels[i] >= 0 ? this.points.classes[this.points.labels[i]] ?? "" : "";
  }

  classOf(id) {
    const row = this.rowOf.get(id);
    return row === undefined ? "" : this.classAt(row);
  }
}

// linked is the id that the address names, "" for none.
function linked() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // no link of this page's
  }
}

// say tells what happened, to those who see it and those who hear it.
function say(text, wrong = false) {
  $("#said").textContent = text;
  $("#said").classList.toggle("wrong", wrong);
}

export class Gallery {
  // reveal shows the images, where they are not what is shown.
  constructor(galleries, reveal) {
    this.reveal = reveal;
    this.sides = galleries.map((g, i) => new Side(g, galleries.length > 1 ? "AB"[i] : ""));
    this.on = 0; // the side whose map is shown
    this.colouring = "label";
    this.only = null; // the group that alone is shown, or null
    this.lists = [[]]; // what the lists show, each item as cell wants it
    this.count = 0; // of them that are shown
    this.trail = []; // the queries so far, the current one last
    this.asked = 0; // the last question; answers to earlier ones come too late
    this.gone = new Set(); // ids that were removed
    this.atlas = new Atlas($("#map"), { hover: (...at) => this.hover(...at), pick: (i) => this.walk(this.side.points.ids[i], this.on), lasso: (rows) => this.caught(rows) });
    crisp($("#query"));
    crisp($("#tip img"));
    this.listen();
    if (this.sides.length > 1) this.compare();
  }

  get side() {
    return this.sides[this.on];
  }

  get current() {
    return this.trail.at(-1);
  }

  // rows are the points whose images are still there.
  rows() {
    const { ids } = this.side.points;
    return [...ids.keys()].filter((i) => !this.gone.has(ids[i]));
  }

  // compare shows that there are two.
  compare() {
    $("#images").classList.add("two");
    $("#whose").hidden = false;
    this.sides.forEach((side, i) => {
      const badge = document.createElement("span");
      badge.className = `badge ${side.letter.toLowerCase()}`;
      badge.textContent = side.letter;
      const tally = document.createElement("small");
      tally.className = "soft";
      $(["#of-a", "#of-b"][i]).replaceChildren(badge, side.name, tally);
      $("#whose").children[i].title = `The map of ${side.name}`;
    });
  }

  // Colours.

  get painting() {
    const side = this.side;
    const [kind, n] = this.colouring.split(":");
    if (kind === "score" && side.scores[n]) return byScore(side.scores[n]);
    if (kind === "cluster" && side.clusters) return byGroup(side.clusters, (g) => `cluster ${g + 1}`);
    return byGroup(side.points.labels, (g) => (g < 0 ? "no class" : side.points.classes[g] ?? `class ${g}`));
  }

  // paint colours the points; those that a choice leaves out fade.
  paint(chosen = null) {
    const { ids } = this.side.points;
    const painting = this.painting;
    const colours = new Uint8Array(4 * ids.length);
    const strong = chosen && new Set(chosen);
    for (let i = 0; i < ids.length; i++) {
      const other = this.only !== null && painting.group(i) !== this.only;
      const alpha = this.gone.has(ids[i]) ? 0 : other ? 22 : strong && !strong.has(i) ? 105 : 215;
      colours.set([...painting.colour(i).map((c) => Math.round(255 * c)), alpha], 4 * i);
    }
    this.atlas.paint(colours);
  }

  drawLegend() {
    const painting = this.painting;
    const counts = new Map();
    for (const i of this.rows()) counts.set(painting.group(i), (counts.get(painting.group(i)) ?? 0) + 1);
    $("#legend").replaceChildren(...[...counts.keys()].sort((a, b) => a - b).map((g) => {
      const button = document.createElement("button");
      const dot = document.createElement("i");
      const count = document.createElement("small");
      dot.style.background = css(painting.swatch(g));
      count.textContent = number(counts.get(g));
      button.type = "button";
      button.setAttribute("aria-pressed", String(this.only === g));
      button.append(dot, painting.name(g), count);
      button.addEventListener("click", () => {
        this.only = this.only === g ? null : g;
        for (const other of $("#legend").children) other.setAttribute("aria-pressed", String(other === button && this.only !== null));
        this.paint();
        if (painting.score) this.lowest();
      });
      return button;
    }));
  }

  // drawColours offers what points can be coloured by.
  drawColours() {
    const options = [["label", "Class"]];
    if (this.side.clusters) options.push(["cluster", "Cluster"]);
    this.side.scores.forEach((s, n) => options.push([`score:${n}`, s.name]));
    $("#colour").replaceChildren(...options.map(([value, name]) => new Option(name, value)));
    if (!options.some(([value]) => value === this.colouring)) this.colouring = "label";
    $("#colour").value = this.colouring;
  }

  colour(by) {
    this.colouring = by;
    this.only = null;
    this.drawLegend();
    this.paint();
    if (this.painting.score) this.lowest();
    else if (this.current) this.show(this.current);
    else this.begin();
  }

  // lowest lists the images of the lowest scores, which is where something is wrong.
  lowest() {
    const { score, lowest, group, name } = this.painting;
    const rows = lowest(this.rows()).filter((i) => this.only === null || group(i) === this.only);
    this.fill(rows.map((i) => ({ id: this.side.points.ids[i], note: score.values[i].toFixed(2) })));
    this.atlas.mark(-1, []);
    say(`${score.name} is ${score.about}. ${this.only === null ? "" : `${number(rows.length)} images have ${name(this.only)}. `}The lowest come first.`);
  }

  // The lists.

  // fill shows one list, or two side by side; an item needs an id.
  fill(...lists) {
    this.lists = lists;
    this.count = 0;
    const two = lists.length > 1;
    $("#second").hidden = $("#of-a").hidden = !two;
    $("#lists").classList.toggle("two", two);
    for (const list of ["#results", "#others"]) $(list).replaceChildren();
    $("#lists").scrollTop = 0;
    this.more();
  }

  more() {
    const end = this.count + page;
    this.lists.forEach((items, n) => {
      const side = this.lists.length > 1 ? this.sides[n] : this.side;
      $(["#results", "#others"][n]).append(...items.slice(this.count, end).map((item, i) =>
        cell({ ...item, kind: item.kind ?? side.classOf(item.id) }, this.count + i + 1, side.api.picture(item.id), {
          press: () => this.walk(item.id, this.sides.indexOf(side)),
          enter: () => this.point(item.id),
          leave: () => this.point(null),
        })));
    });
    this.count = end;
    $("#more").hidden = this.lists.every((items) => this.count >= items.length);
  }

  // point shows an image on the map and in both lists, or what is current if it is null.
  point(id) {
    for (const button of document.querySelectorAll("#lists button")) button.classList.toggle("twin", button.dataset.id === id);
    const row = this.side.rowOf.get(id);
    if (row !== undefined) this.atlas.mark(row, []);
    else if (id === null) this.remark();
  }

  // remark marks the current query and its hits on the map.
  remark() {
    const rows = (this.current?.hits[this.on] ?? []).map((h) => this.side.rowOf.get(h.id)).filter((i) => i !== undefined);
    this.atlas.mark(this.side.rowOf.get(this.current?.id) ?? -1, rows);
  }

  // Queries.

  // show makes a query the current one.
  show(query) {
    const from = this.sides[query.from ?? 0];
    const image = $("#query");
    image.hidden = false;
    image.src = query.url ?? from.api.picture(query.id);
    const kind = query.url ? "" : from.classOf(query.id);
    const [strong, rest] = [document.createElement("strong"), document.createElement("span")];
    strong.textContent = kind || query.name;
    rest.className = "soft";
    rest.textContent = kind ? query.name : "";
    $("#what").replaceChildren(strong, document.createElement("br"), rest);
    $("#back").hidden = this.trail.length < 2;
    $("#add").hidden = !this.writable || !query.file;
    $("#remove").hidden = !this.writable || Boolean(query.url);
    $("#remove").textContent = "Remove";
    history.replaceState(null, "", query.url ? location.pathname : `#${encodeURIComponent(query.id)}`); // a link to this query
    const hits = query.hits.map((list) => list ?? []);
    const places = hits.map((list) => new Map(list.map((h, i) => [h.id, i + 1])));
    this.fill(...hits.map((list, n) => list.map((h) => {
      const place = hits.length > 1 && places[1 - n].get(h.id);
      return { id: h.id, kind: h.class, similarity: h.similarity, shared: place ? { of: this.sides[1 - n].letter, place } : undefined };
    })));
    this.remark();
    this.paint([query.id, ...(hits[this.on] ?? []).map((h) => h.id)].map((id) => this.side.rowOf.get(id)).filter((i) => i !== undefined));
    if (hits.length > 1) return this.sayBoth(query, hits, places, kind);
    const first = hits[0][0];
    say(first ? `${number(hits[0].length)} images like ${query.name}; the nearest is ${first.id}, similarity ${first.similarity.toFixed(2)}.` : "The gallery is empty.");
  }

  // sayBoth says what two networks share.
  sayBoth(query, hits, places, kind) {
    hits.forEach((list, n) => {
      const same = kind && list.filter((h) => h.class === kind).length;
      $(["#of-a small", "#of-b small"][n]).textContent = !query.hits[n] ? "not ready yet" : kind ? `${same} of ${list.length} are ${kind}` : "";
    });
    const shared = hits[0].filter((h) => places[1].has(h.id)).length;
    const ten = hits[0].slice(0, 10).filter((h) => places[1].get(h.id) <= 10).length;
    const nearest = hits[0][0] && hits[0][0].id === hits[1][0]?.id ? "; both find the same nearest" : "";
    say(`${number(hits[0].length)} images like ${query.name} by each: ${shared} are the same, ${ten} of the first 10${nearest}.`);
  }

  // answer asks each side, and shows what they say.
  async answer(query, ask) {
    const mine = ++this.asked;
    $("#lists").setAttribute("aria-busy", "true");
    try {
      query.hits = await Promise.all(this.sides.map((side) => (side.ready ? ask(side) : null)));
      if (mine !== this.asked) return;
      this.trail.push(query);
      this.show(query);
    } catch (error) {
      if (mine === this.asked) say(error.message, true);
    } finally {
      if (mine === this.asked) $("#lists").removeAttribute("aria-busy");
    }
  }

  // walk asks for the neighbours of an image of a side. The other may not have it: then by its picture.
  walk(id, from = this.on) {
    return this.answer({ id, name: id, from }, async (side) => {
      try {
        return await side.api.neighbours(id, page);
      } catch (error) {
        if (error.status !== 404 || side === this.sides[from]) throw error;
        const picture = await fetch(this.sides[from].api.picture(id, 512));
        return side.api.search(await picture.blob(), page);
      }
    });
  }

  look(file) {
    if (!file) return;
    this.reveal();
    const name = file.name || "the pasted image";
    this.answer({ name, file, url: URL.createObjectURL(file) }, (side) => side.api.search(file, page));
  }

  back() {
    if (this.trail.length < 2) return;
    const left = this.trail.pop();
    if (left.url) URL.revokeObjectURL(left.url);
    this.show(this.current);
  }

  // add keeps the image that was dropped, under its name.
  async add() {
    const { file } = this.current;
    const id = `added/${(file.name || `${Date.now()}.png`).replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.]+/, "")}`;
    try {
      const { replaced } = await this.side.api.add(id, file);
      this.gone.delete(id);
      this.drawLegend();
      await this.walk(id);
      say(`${id} is in the gallery now${replaced ? ", in the place of the one before" : ""}. ${$("#said").textContent}`);
    } catch (error) {
      say(error.message, true);
    }
  }

  // remove takes the current image out, when it is asked twice.
  async remove() {
    const button = $("#remove");
    if (button.textContent === "Remove") {
      button.textContent = "Really remove?";
      return say("Press again to take this image out of the gallery; its file stays.");
    }
    const { id } = this.current;
    try {
      await this.side.api.remove(id);
    } catch (error) {
      return say(error.message, true);
    }
    this.gone.add(id);
    this.drawLegend();
    this.trail = this.trail.filter((q) => q.id !== id).map((q) => ({ ...q, hits: q.hits.map((list) => list?.filter((h) => h.id !== id) ?? null) }));
    if (this.current) this.show(this.current);
    else {
      this.begin();
      this.paint();
    }
    for (const own of ["#add", "#remove"]) if (!this.current) $(own).hidden = true;
    say(`${id} is out of the gallery.`);
  }

  // caught shows what the lasso holds.
  caught(rows) {
    this.lasso(false);
    if (!rows.length) return say("There is no point in the lasso.");
    const painting = this.painting;
    const counts = new Map();
    for (const i of rows) counts.set(painting.name(painting.group(i)), (counts.get(painting.name(painting.group(i))) ?? 0) + 1);
    const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([name, n]) => `${name} ${number(n)}`).join(", ");
    this.list(rows);
    this.atlas.mark(-1, []);
    say(`${number(rows.length)} images in the lasso: ${top}${counts.size > 3 ? " and others" : ""}.`);
  }

  // list shows some points' images, and only those on the map.
  list(rows) {
    this.fill(rows.map((i) => ({ id: this.side.points.ids[i] })));
    this.paint(rows);
  }

  find(text) {
    if (!text) {
      if (this.current) return this.show(this.current);
      this.begin();
      this.paint();
      return say("");
    }
    const wanted = text.toLowerCase();
    const { ids } = this.side.points;
    const rows = this.rows().filter((i) => ids[i].toLowerCase().includes(wanted) || this.side.classAt(i).toLowerCase().includes(wanted));
    this.list(rows);
    this.atlas.mark(-1, rows.length <= 200 ? rows : []);
    say(rows.length ? `${number(rows.length)} images with “${text}” in their name or class.` : `No image has “${text}” in its name or class.`);
  }

  hover(i, x, y) {
    const tip = $("#tip");
    clearTimeout(this.resting);
    if (i < 0) return (tip.hidden = true);
    const id = this.side.points.ids[i];
    const { score } = this.painting;
    tip.hidden = false;
    const [w, h] = [$("#map").clientWidth, $("#map").clientHeight];
    tip.style.left = `${Math.min(x + 16, w - 118)}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 16, h - 160))}px`;
    tip.lastElementChild.textContent = [this.side.classAt(i), score && score.values[i] >= 0 && score.values[i].toFixed(2), id].filter(Boolean).join(" · ");
    this.resting = setTimeout(() => (tip.firstElementChild.src = this.side.api.picture(id)), 40);
  }

  lasso(on = $("#lasso").getAttribute("aria-pressed") !== "true") {
    $("#lasso").setAttribute("aria-pressed", String(on));
    this.atlas.lasso(on);
  }

  // begin shows some images, evenly spread, to begin with.
  begin() {
    const rows = this.rows();
    const step = Math.max(1, Math.floor(rows.length / 40));
    this.fill(rows.filter((_, n) => n % step === 0).slice(0, 40).map((i) => ({ id: this.side.points.ids[i] })));
  }

  // Ways in.

  listen() {
    this.chooseMap = this.radios("kind", (kind) => this.place(kind));
    this.chooseSide = this.radios("side", (n) => this.turn(Number(n)));
    $("#colour").addEventListener("change", (e) => this.colour(e.target.value));
    $("#file").addEventListener("change", (e) => {
      this.look(e.target.files[0]);
      e.target.value = ""; // the same file may be chosen again
    });
    for (const [id, action] of Object.entries({ back: () => this.back(), more: () => this.more(), whole: () => this.atlas.whole(), lasso: () => this.lasso(), add: () => this.add(), remove: () => this.remove() })) {
      $(`#${id}`).addEventListener("click", action);
    }
    $("#find").addEventListener("submit", (e) => e.preventDefault());
    let typing;
    $("#name").addEventListener("input", (e) => {
      clearTimeout(typing);
      typing = setTimeout(() => this.find(e.target.value.trim()), 150);
    });
    addEventListener("dragover", (e) => {
      e.preventDefault();
      $("#drop").classList.add("over");
    });
    addEventListener("dragleave", (e) => e.relatedTarget === null && $("#drop").classList.remove("over"));
    addEventListener("drop", (e) => {
      e.preventDefault();
      $("#drop").classList.remove("over");
      if (e.dataTransfer.files.length) this.look(e.dataTransfer.files[0]);
    });
    addEventListener("paste", (e) => {
      const file = [...e.clipboardData.files].find((f) => f.type.startsWith("image/"));
      if (file) this.look(file);
      else if (e.target === document.body && !$("#images").hidden) say("There is no image in the clipboard.", true);
    });
    addEventListener("keydown", (e) => this.key(e));
  }

  // radios makes the buttons with a data attribute a choice of its values.
  radios(attribute, choose) {
    const buttons = [...document.querySelectorAll(`[data-${attribute}]`)];
    const select = choices(buttons, "aria-checked", (button) => choose(button.dataset[attribute]));
    return (value) => select(buttons.find((b) => b.dataset[attribute] === value));
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || $("#images").hidden || e.target instanceof HTMLSelectElement) return;
    const typing = e.target instanceof HTMLInputElement;
    if (e.key === "Escape") {
      this.lasso(false);
      if (typing && e.target.value) {
        e.target.value = "";
        this.find("");
      }
      return;
    }
    if (typing) return;
    const list = document.activeElement.closest("#lists ol");
    const cells = list ? [...list.querySelectorAll("button")] : [];
    const columns = () => getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const step = list && { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[e.key];
    if (step && cells.length) {
      e.preventDefault();
      cells[Math.max(0, Math.min(cells.length - 1, cells.indexOf(document.activeElement) + step))].focus();
    } else if (e.key === "/") {
      e.preventDefault();
      $("#name").focus();
    } else if (e.key === "l" || e.key === "L") {
      this.lasso();
    } else if (e.key === "Backspace") {
      this.back();
    }
  }

  // Loading: the points first, then what takes longer.

  async load() {
    await Promise.all(this.sides.map((side, n) => this.loadSide(side, n)));
  }

  async loadSide(side, n) {
    const waiting = this.waitFor(n);
    const info = await side.api.wait("info");
    side.take(await side.api.wait("points"));
    side.maps.pca = await side.api.wait("map?kind=pca");
    clearInterval(waiting);
    if (n === 0) this.writable = info.writable && this.sides.length === 1;
    side.details = [`${number(info.images)} images`, info.data, [info.method, info.encoder].filter(Boolean).join(" with "), info.step ? `step ${number(info.step)}` : "untrained"].filter(Boolean).join(" · ");
    if (n > 0) document.querySelector(`[data-side="${n}"]`).disabled = false;
    if (n === this.on) this.first(info);
    document.body.dataset[`ready${n || ""}`] = "map";
    const later = [this.later(side, "clusters", async () => (side.clusters = await side.api.wait("clusters"))), this.later(side, "scores", async () => (side.scores = await side.api.wait("scores")))];
    if (side.points.neighbours) later.push(this.later(side, "neighbours", async () => (side.maps.neighbours = await side.api.wait("map?kind=neighbours"))));
    await Promise.all(later);
    document.body.dataset[`done${n || ""}`] = "yes";
  }

  // later takes what is computed meanwhile.
  async later(side, what, get) {
    if (side === this.side) this.waitForMap();
    await get();
    if (side !== this.side) return;
    this.drawColours();
    if (what === "neighbours") {
      this.waitForMap();
      document.querySelector("[data-kind=neighbours]").disabled = false;
      this.chooseMap("neighbours");
    }
  }

  // waitForMap says whether the map of neighbours is still to come.
  waitForMap() {
    const { points, maps } = this.side;
    this.wait(points.neighbours && !maps.neighbours ? "The map of neighbours is being computed …" : "");
  }

  wait(text) {
    $("#wait").textContent = text;
    $("#wait").hidden = !text;
  }

  // waitFor says for what a gallery waits, until it is stopped.
  waitFor(n) {
    return setInterval(async () => {
      const about = await api.page().catch(() => null);
      const gallery = about?.galleries[n];
      if (gallery && !gallery.ready && gallery.waiting && n === this.on) {
        $("#about").textContent = gallery.waiting;
        this.wait(gallery.waiting);
      }
    }, 1000);
  }

  // first shows a side when its points are there.
  first(info) {
    this.wait("");
    this.title();
    document.title = `alike · ${info.run || "explore"}`;
    this.drawColours();
    this.drawLegend();
    this.paint();
    this.chooseMap("pca");
    this.begin();
    if (this.side.rowOf.has(linked())) this.walk(linked());
  }

  title() {
    $("#about").textContent = this.side.details;
  }

  place(kind) {
    const map = this.side.maps[kind] ?? this.side.maps.pca;
    if (map) this.atlas.place(map.x, map.y);
  }

  // turn shows the map of the other side; points of one image move from one place to the other.
  turn(n) {
    this.on = n;
    this.only = null;
    this.title();
    this.waitForMap();
    this.drawColours();
    this.drawLegend();
    const { neighbours } = this.side.maps;
    document.querySelector("[data-kind=neighbours]").disabled = !neighbours;
    this.chooseMap(neighbours && document.querySelector("[data-kind=neighbours]").getAttribute("aria-checked") === "true" ? "neighbours" : "pca");
    if (this.current) this.show(this.current);
    else {
      this.begin();
      this.paint();
    }
  }
}
