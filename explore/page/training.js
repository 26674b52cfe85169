// How the trainings go: what the doctor says and the curves, asked for again and again.

import * as api from "./api.js";

const soon = 2000; // ms between questions while a run trains
const late = 10000; // and when it does not, as it may go on

export class Training {
  // on is told, after each answer, whether a run trains.
  constructor(root, on) {
    this.trouble = root.querySelector("#trouble");
    this.runs = root.querySelector("#runs");
    this.curves = root.querySelector("#curves");
    this.cards = [];
    this.seen = "";
    this.on = on;
  }

  // watch asks until the page is left. It returns after the first answer.
  async watch() {
    let going = false;
    let trouble = "";
    try {
      going = await this.ask();
    } catch (error) {
      trouble = error.message;
    }
    if (this.trouble.textContent !== trouble) this.trouble.textContent = trouble; // so that nobody hears it again
    setTimeout(() => this.watch(), going ? soon : late);
  }

  async ask() {
    const answer = await api.training(this.seen);
    this.seen = answer.seen;
    answer.runs.forEach((run, i) => {
      this.cards[i] ??= new Card(this.runs, answer.runs.length > 1 ? "AB"[i] : "");
      this.cards[i].show(run);
    });
    (answer.curves ?? []).forEach((curve, place) => this.draw(curve, place));
    const going = answer.runs.some((run) => run.going);
    this.on(going);
    return going;
  }

  // draw puts a curve in its place; one that is being read stays until it is left.
  draw(curve, place) {
    const { name, title, svg } = curve;
    let card = this.curves.querySelector(`[data-curve="${name}"]`);
    if (!card) {
      card = document.createElement("figure");
      card.dataset.curve = name;
      card.append(document.createElement("figcaption"), document.createElement("div"));
      this.curves.insertBefore(card, this.curves.children[place] ?? null);
    }
    if (card.contains(document.activeElement) || card.matches(":hover")) {
      card.next = () => this.draw(curve, place);
      for (const event of ["pointerleave", "focusout"]) card.addEventListener(event, () => requestAnimationFrame(() => card.next?.()), { once: true });
      return;
    }
    card.next = undefined;
    card.firstElementChild.textContent = title;
    const drawing = new DOMParser().parseFromString(svg, "text/html").body;
    card.lastElementChild.replaceChildren(...document.importNode(drawing, true).childNodes);
    readCurves(card);
  }
}

// element makes one, with a text.
function element(kind, className, text = "") {
  const e = document.createElement(kind);
  e.className = className;
  e.textContent = text;
  return e;
}

// Card says how one run goes.
class Card {
  constructor(into, letter) {
    const card = element("article", "run");
    const heading = element("h2", "");
    if (letter) heading.append(element("span", `badge ${letter.toLowerCase()}`, letter));
    this.title = element("span", "");
    this.name = element("span", "soft");
    heading.append(this.title, this.name);
    this.progress = document.createElement("progress");
    this.state = element("p", "state");
    this.verdicts = element("ul", "verdicts");
    this.verdicts.setAttribute("aria-live", "polite");
    this.verdicts.setAttribute("aria-label", "What the doctor says");
    card.append(heading, this.progress, this.state, this.verdicts);
    into.append(card);
  }

  show(run) {
    this.title.textContent = run.title;
    this.name.textContent = `${run.name}, on ${run.data}`;
    this.progress.setAttribute("aria-label", `Steps of ${run.name}`);
    this.progress.hidden = !run.total;
    if (run.total) [this.progress.max, this.progress.value] = [run.total, run.step];
    this.progress.classList.toggle("going", run.going);
    if (this.state.textContent !== run.state) this.state.textContent = run.state;
    const said = JSON.stringify([run.looked, run.verdicts]);
    if (said === this.said) return; // so that nobody hears it again
    this.said = said;
    if (run.verdicts.length) {
      this.verdicts.replaceChildren(...run.verdicts.map((v) => {
        const item = element("li", "ill");
        item.append(element("b", "", v.illness), ` ${v.text}. `, element("em", "", `Try ${v.try}.`));
        return item;
      }));
    } else {
      this.verdicts.replaceChildren(element("li", run.looked ? "well" : "soft", run.looked ? "The doctor finds nothing that ails the training." : "The doctor has not seen a step yet."));
    }
  }
}
