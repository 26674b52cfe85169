// The page: one query at a time, its hits, and where both are on the map.

import * as api from "./api.js";
import { Atlas } from "./atlas.js";
import { colourOf, css } from "./colours.js";

const $ = (selector) => document.querySelector(selector);
const page = 60; // pictures that are shown at once

let points = { ids: [], labels: [], classes: [] };
let rowOf = new Map(); // of an id
let clusters = null;
let colouring = "label";
let only = null; // the group that alone is shown, or null
let shown = { cells: [], count: 0 }; // what the grid shows
const maps = {};
const trail = []; // the queries so far, the current one last

const atlas = new Atlas($("#map"), { hover, pick: (i) => walk(points.ids[i]), lasso: caught });

const groupOf = (i) => (colouring === "label" ? points.labels[i] : clusters[i]);
const groupName = (g) => (g < 0 ? "no class" : colouring === "label" ? points.classes[g] ?? `class ${g}` : `cluster ${g + 1}`);
const classOf = (i) => (points.labels[i] >= 0 ? points.classes[points.labels[i]] ?? "" : "");
const number = (n) => n.toLocaleString("en");

// say tells what happened, to those who see it and those who hear it.
function say(text, wrong = false) {
  $("#said").textContent = text;
  $("#said").classList.toggle("wrong", wrong);
}

// paint colours the points; those that a choice leaves out fade.
function paint(chosen = null) {
  const colours = new Uint8Array(4 * points.ids.length);
  const strong = chosen && new Set(chosen);
  for (let i = 0; i < points.ids.length; i++) {
    const g = groupOf(i);
    const faded = (only !== null && g !== only) || (strong && !strong.has(i));
    colours.set([...colourOf(g).map((c) => Math.round(255 * c)), only !== null && g !== only ? 22 : faded ? 105 : 215], 4 * i);
  }
  atlas.paint(colours);
}

function drawLegend() {
  const counts = new Map();
  for (let i = 0; i < points.ids.length; i++) counts.set(groupOf(i), (counts.get(groupOf(i)) ?? 0) + 1);
  $("#legend").replaceChildren(...[...counts.keys()].sort((a, b) => a - b).map((g) => {
    const button = document.createElement("button");
    const dot = document.createElement("i");
    const count = document.createElement("small");
    dot.style.background = css(colourOf(g));
    count.textContent = number(counts.get(g));
    button.type = "button";
    button.setAttribute("aria-pressed", String(only === g));
    button.append(dot, groupName(g), count);
    button.addEventListener("click", () => {
      only = only === g ? null : g;
      for (const other of $("#legend").children) other.setAttribute("aria-pressed", String(other === button && only !== null));
      paint();
    });
    return button;
  }));
}

// The grid.

function cell(id, similarity, place) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const image = document.createElement("img");
  const caption = document.createElement("span");
  const row = rowOf.get(id);
  const kind = row === undefined ? "" : classOf(row);
  button.type = "button";
  button.dataset.id = id;
  button.title = id;
  image.loading = "lazy";
  image.alt = "";
  image.src = api.picture(id);
  image.addEventListener("load", () => image.classList.toggle("crisp", image.naturalWidth <= 64));
  const heading = document.createElement("b");
  const label = document.createElement("em");
  label.textContent = kind || id.split("/").pop();
  heading.append(label);
  if (similarity !== undefined) heading.append(similarity.toFixed(3));
  caption.append(heading, id);
  button.append(image);
  if (similarity !== undefined) {
    const line = document.createElement("span");
    const length = document.createElement("i");
    line.className = "bar-of";
    length.style.width = `${100 * Math.max(0, Math.min(1, similarity))}%`;
    line.append(length);
    button.append(line);
  }
  button.append(caption);
  button.setAttribute("aria-label", `${place}. ${id}${kind ? `, ${kind}` : ""}${similarity === undefined ? "" : `, similarity ${similarity.toFixed(2)}`}. Show what is like it.`);
  button.addEventListener("click", () => walk(id));
  button.addEventListener("pointerenter", () => row !== undefined && atlas.mark(row, []));
  button.addEventListener("pointerleave", remark);
  item.append(button);
  return item;
}

function fill(cells) {
  shown = { cells, count: 0 };
  $("#results").replaceChildren();
  $("#results").scrollTop = 0;
  more();
}

function more() {
  const next = shown.cells.slice(shown.count, shown.count + page);
  $("#results").append(...next.map(({ id, similarity }, n) => cell(id, similarity, shown.count + n + 1)));
  shown.count += next.length;
  $("#more").hidden = shown.count >= shown.cells.length;
}

// remark marks the current query and its hits on the map.
function remark() {
  const current = trail.at(-1);
  const rows = (current?.hits ?? []).map((h) => rowOf.get(h.id)).filter((i) => i !== undefined);
  atlas.mark(rowOf.get(current?.id) ?? -1, rows);
}

// show makes a query the current one.
function show(query) {
  const image = $("#query");
  image.hidden = false;
  image.src = query.url ?? api.picture(query.id);
  image.classList.remove("crisp");
  image.onload = () => image.classList.toggle("crisp", image.naturalWidth <= 64);
  const row = rowOf.get(query.id);
  const kind = row === undefined ? "" : classOf(row);
  const [strong, rest] = [document.createElement("strong"), document.createElement("span")];
  strong.textContent = kind || query.name;
  rest.className = "soft";
  rest.textContent = kind ? query.name : "";
  $("#what").replaceChildren(strong, document.createElement("br"), rest);
  $("#back").hidden = trail.length < 2;
  history.replaceState(null, "", query.url ? location.pathname : `#${encodeURIComponent(query.id)}`); // a link to this query
  fill(query.hits);
  remark();
  paint([row, ...query.hits.map((h) => rowOf.get(h.id))].filter((i) => i !== undefined));
  const first = query.hits[0];
  say(first ? `${number(query.hits.length)} images like ${query.name}; the nearest is ${first.id}, similarity ${first.similarity.toFixed(2)}.` : "The gallery is empty.");
}

let asked = 0; // the last question; answers to earlier ones come too late

async function answer(query, hits) {
  const mine = ++asked;
  $("#results").setAttribute("aria-busy", "true");
  try {
    query.hits = await hits;
    if (mine !== asked) return;
    trail.push(query);
    show(query);
  } catch (error) {
    if (mine === asked) say(error.message, true);
  } finally {
    if (mine === asked) $("#results").removeAttribute("aria-busy");
  }
}

const walk = (id) => answer({ id, name: id }, api.neighbours(id, page));

function look(file) {
  if (!file) return;
  answer({ name: file.name || "the pasted image", url: URL.createObjectURL(file) }, api.search(file, page));
}

function back() {
  if (trail.length < 2) return;
  const left = trail.pop();
  if (left.url) URL.revokeObjectURL(left.url);
  show(trail.at(-1));
}

// caught shows what the lasso holds.
function caught(rows) {
  lasso(false);
  if (!rows.length) return say("There is no point in the lasso.");
  const counts = new Map();
  for (const i of rows) counts.set(groupName(groupOf(i)), (counts.get(groupName(groupOf(i))) ?? 0) + 1);
  const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([name, n]) => `${name} ${number(n)}`).join(", ");
  fill(rows.map((i) => ({ id: points.ids[i] })));
  atlas.mark(-1, []);
  paint(rows);
  say(`${number(rows.length)} images in the lasso: ${top}${counts.size > 3 ? " and others" : ""}.`);
}

function find(text) {
  if (!text) {
    const current = trail.at(-1);
    if (current) return show(current);
    begin();
    paint();
    return say("");
  }
  const wanted = text.toLowerCase();
  const rows = [];
  points.ids.forEach((id, i) => {
    if (id.toLowerCase().includes(wanted) || classOf(i).toLowerCase().includes(wanted)) rows.push(i);
  });
  fill(rows.map((i) => ({ id: points.ids[i] })));
  atlas.mark(-1, rows.length <= 200 ? rows : []);
  paint(rows);
  say(rows.length ? `${number(rows.length)} images with “${text}” in their name or class.` : `No image has “${text}” in its name or class.`);
}

let resting;

function hover(i, x, y) {
  const tip = $("#tip");
  clearTimeout(resting);
  if (i < 0) return (tip.hidden = true);
  tip.hidden = false;
  const [w, h] = [$("#map").clientWidth, $("#map").clientHeight];
  tip.style.left = `${Math.min(x + 16, w - 118)}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 16, h - 160))}px`;
  tip.lastElementChild.textContent = classOf(i) ? `${classOf(i)} · ${points.ids[i]}` : points.ids[i];
  const image = tip.firstElementChild;
  resting = setTimeout(() => {
    image.onload = () => image.classList.toggle("crisp", image.naturalWidth <= 64);
    image.src = api.picture(points.ids[i]);
  }, 40);
}

function lasso(on) {
  $("#lasso").setAttribute("aria-pressed", String(on));
  atlas.lasso(on);
}

// radios make a row of buttons a choice, by pointer and by arrow keys.
function radios(attribute, choose) {
  const buttons = [...document.querySelectorAll(`[data-${attribute}]`)];
  const select = (button) => {
    for (const b of buttons) {
      b.setAttribute("aria-checked", String(b === button));
      b.tabIndex = b === button ? 0 : -1;
    }
    choose(button.dataset[attribute]);
  };
  for (const button of buttons) {
    button.tabIndex = button.getAttribute("aria-checked") === "true" ? 0 : -1;
    button.addEventListener("click", () => select(button));
    button.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key];
      const usable = buttons.filter((b) => !b.disabled);
      if (!step) return;
      e.preventDefault();
      const next = usable[(usable.indexOf(button) + step + usable.length) % usable.length];
      next.focus();
      select(next);
    });
  }
  return (value) => select(buttons.find((b) => b.dataset[attribute] === value));
}

const chooseMap = radios("kind", (kind) => atlas.place(maps[kind].x, maps[kind].y));
radios("colour", (by) => {
  colouring = by;
  only = null;
  drawLegend();
  paint();
});

// Ways in.

$("#file").addEventListener("change", (e) => look(e.target.files[0]));
$("#back").addEventListener("click", back);
$("#more").addEventListener("click", more);
$("#whole").addEventListener("click", () => atlas.whole());
$("#lasso").addEventListener("click", () => lasso($("#lasso").getAttribute("aria-pressed") !== "true"));
$("#find").addEventListener("submit", (e) => e.preventDefault());
let typing;
$("#name").addEventListener("input", (e) => {
  clearTimeout(typing);
  typing = setTimeout(() => find(e.target.value.trim()), 150);
});

addEventListener("dragover", (e) => {
  e.preventDefault();
  $("#drop").classList.add("over");
});
addEventListener("dragleave", (e) => e.relatedTarget === null && $("#drop").classList.remove("over"));
addEventListener("drop", (e) => {
  e.preventDefault();
  $("#drop").classList.remove("over");
  if (e.dataTransfer.files.length) look(e.dataTransfer.files[0]);
});
addEventListener("paste", (e) => {
  const file = [...e.clipboardData.files].find((f) => f.type.startsWith("image/"));
  if (file) look(file);
  else if (e.target === document.body) say("There is no image in the clipboard.", true);
});

addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const typing = e.target instanceof HTMLInputElement;
  if (e.key === "Escape") {
    lasso(false);
    if (typing && e.target.value) {
      e.target.value = "";
      find("");
    }
    return;
  }
  if (typing) return;
  const columns = () => getComputedStyle($("#results")).gridTemplateColumns.split(" ").length;
  const cells = [...$("#results").querySelectorAll("button")];
  const at = cells.indexOf(document.activeElement);
  const step = at < 0 ? 0 : { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[e.key];
  if (step) {
    e.preventDefault();
    cells[Math.max(0, Math.min(cells.length - 1, at + step))].focus();
  } else if (e.key === "/") {
    e.preventDefault();
    $("#name").focus();
  } else if (e.key === "l" || e.key === "L") {
    lasso($("#lasso").getAttribute("aria-pressed") !== "true");
  } else if (e.key === "Backspace") {
    back();
  }
});

// begin shows some images, evenly spread, to begin with.
function begin() {
  const step = Math.max(1, Math.floor(points.ids.length / 40));
  fill(points.ids.filter((_, i) => i % step === 0).slice(0, 40).map((id) => ({ id })));
}

// Loading: the points first, then what takes longer.

async function load() {
  const info = await api.wait("/v1/info");
  points = await api.wait("/v1/points");
  rowOf = new Map(points.ids.map((id, i) => [id, i]));
  const details = [`${number(info.images)} images`, info.data, [info.method, info.encoder].filter(Boolean).join(" with "), info.step ? `step ${number(info.step)}` : "untrained"];
  $("#about").textContent = details.filter(Boolean).join(" · ");
  document.title = `alike · ${info.run || "explore"}`;
  maps.pca = await api.wait("/v1/map?kind=pca");
  drawLegend();
  paint();
  chooseMap("pca");
  begin();
  const linked = decodeURIComponent(location.hash.slice(1));
  if (rowOf.has(linked)) walk(linked);
  document.body.dataset.ready = "map";
  api.wait("/v1/clusters").then(({ of }) => {
    clusters = of;
    $("[data-colour=cluster]").disabled = false;
    document.body.dataset.clusters = "yes";
  }, (error) => say(error.message, true));
  if (!points.neighbours) return;
  $("#wait").hidden = false;
  $("#wait").textContent = "The map of neighbours is being computed …";
  maps.neighbours = await api.wait("/v1/map?kind=neighbours");
  $("#wait").hidden = true;
  $("[data-kind=neighbours]").disabled = false;
  chooseMap("neighbours");
  document.body.dataset.neighbours = "yes";
}

load().catch((error) => say(error.message, true));
