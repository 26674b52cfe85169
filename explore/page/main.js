// The page: its two views, and which of them is shown at first.

import * as api from "./api.js";
import { choices } from "./choices.js";
import { Gallery } from "./gallery.js";
import { Training } from "./training.js";

const $ = (selector) => document.querySelector(selector);
const tabs = [...document.querySelectorAll("[role=tab]")];

const show = choices(tabs, "aria-selected", (tab) => {
  for (const t of tabs) document.getElementById(t.getAttribute("aria-controls")).hidden = t !== tab;
  document.body.dataset.view = tab.getAttribute("aria-controls");
  $("#find").hidden = tab.id !== "tab-images";
});

// The link leads to what is shown, and leaves the address to the queries.
$(".skip").addEventListener("click", (e) => {
  e.preventDefault();
  $($("#images").hidden ? "#training" : "#results").focus();
});

// watch shows the training, if something is known of it, and says whether it should be seen first.
async function watch(about) {
  if (!about.trainings) return false;
  $("[role=tablist]").hidden = false;
  let trains = false;
  await new Training($("#training"), (going) => {
    trains = going;
    $(".live").hidden = !going;
    $(".live").setAttribute("aria-label", going ? "going on" : "");
  }).watch();
  return trains;
}

async function load() {
  const about = await api.page();
  const gallery = new Gallery(about.galleries, () => show($("#tab-images")));
  const linked = new URLSearchParams(location.search).get("view");
  const first = await watch(about);
  if (linked === "training" && about.trainings || !linked && first && !location.hash) show($("#tab-training"));
  else document.body.dataset.view = "images";
  await gallery.load();
}

load().catch((error) => {
  $("#said").textContent = error.message;
  $("#said").classList.add("wrong");
});
