// The shift explorer: an image at every circular shift, and what networks say of it.

import { announcer, choices, colour, make, mix, onTheme, perSet, range } from "dom.js";
import { canvas, fill, pixels, thumbnails, wrap } from "grid.js";
import { orbitOf } from "orbit.js";
import { unpack } from "pack.js";
import { controlPad } from "pad.js";
import { card } from "saying.js";

const FIRST = 4; // networks that are chosen at first

export function shiftExplorer(place, sets) {
  perSet(place, sets, explorer);
}

function explorer(set) {
  const images = unpack(set.images);
  const [, height, width] = images.shape;
  const networks = set.networks.map((network) => orbitOf(network, height, width));
  const home = [height >> 1, width >> 1];
  const label = (index) => set.names[index] ?? String(index);
  const chosen = new Set(range(Math.min(FIRST, networks.length)));
  const pictured = new Set([0]);
  const moved = canvas(height, width, { class: "picture", role: "img" });
  const where = make("p", { class: "where" });
  const cards = make("div", { class: "cards" });
  const { output, say } = announcer();
  const pad = controlPad(height, width, { home, wraps: true, moved: update });
  let shown = [];

  function rebuild() {
    const options = { height, width, home, label, go: pad.go };
    shown = inOrder(chosen).map((index) => card(networks[index], options));
    cards.replaceChildren(...shown.map((one) => one.element));
    repaint();
  }

  function repaint() {
    const [image] = pictured;
    const shade = fromFlipToKeep();
    fill(pad.map, (row, column) => {
      const keeps = (one) => one.network.keeps(image, row - home[0], column - home[1]);
      return shade(shown.filter(keeps).length / shown.length);
    });
    for (const one of shown) one.paint(image);
    update();
  }

  function update() {
    const [image] = pictured;
    const [dy, dx] = pad.cell.map((place, axis) => place - home[axis]);
    const look = pixels(images, image);
    fill(moved, (y, x) => look(wrap(y - dy, height), wrap(x - dx, width)));
    const truth = set.labels[image];
    const told = spoken(dy, dx);
    where.textContent = told;
    moved.setAttribute("aria-label", `Image of class ${label(truth)}, ${told}`);
    const said = shown.map((one) => one.update(image, dy, dx, truth));
    pad.label(`Map of all shifts, arrow keys move: ${told}`);
    say(`${told}. ${said.join("; ")}`);
  }

  const titles = set.labels.map(label);
  onTheme(repaint);
  rebuild();
  return make(
    "div",
    {},
    controls(set, { images, titles, networks, chosen, pictured, rebuild, repaint }),
    make("div", { class: "stage" }, aside(pad, moved, where), cards),
    legend(),
    output,
  );
}

function controls(set, { images, titles, networks, chosen, pictured, rebuild, repaint }) {
  return make(
    "div",
    { class: "controls" },
    choices({
      legend: "Image",
      options: thumbnails(images, titles),
      chosen: pictured,
      kind: "pictures",
      changed: repaint,
    }),
    choices({
      legend: "Networks",
      options: networks.map(({ arm, told }) => ({ label: arm, title: told })),
      chosen,
      several: true,
      changed: rebuild,
    }),
    set.all > networks.length
      ? make("p", { class: "note" }, `${networks.length} of ${set.all} networks.`)
      : null,
  );
}

function aside(pad, moved, where) {
  const bar = make("i", { "aria-hidden": "true" });
  const scale = make("span", { class: "scalebar" }, "all flip", bar, "all keep");
  return make(
    "div",
    { class: "side pair" },
    make("figure", {}, pad.element, make("figcaption", {}, scale)),
    make("figure", {}, moved, make("figcaption", {}, where)),
  );
}

function legend() {
  return make(
    "p",
    { class: "note" },
    "A network ",
    make("span", { class: "swatch keep" }, "keeps"),
    " its prediction of the unshifted image, or ",
    make("span", { class: "swatch flip" }, "flips"),
    " it; the fainter, the less sure. Bars: probability of each class. ",
    "A line marks that of the unshifted image, a dot the true class.",
  );
}

/** Returns `0 … 1 → [r, g, b]`: all flip, as many, all keep. */
function fromFlipToKeep() {
  const [flip, paper, keep] = ["--flip", "--card", "--keep"].map(colour);
  return (part) => (part < 0.5 ? mix(flip, paper, 2 * part) : mix(paper, keep, 2 * part - 1));
}

function inOrder(chosen) {
  return [...chosen].sort((a, b) => a - b);
}

function spoken(dy, dx) {
  const part = (pixels, forward, backward) =>
    pixels ? `${Math.abs(pixels)} px ${pixels > 0 ? forward : backward}` : "";
  const parts = [part(dy, "down", "up"), part(dx, "right", "left")].filter(Boolean);
  return parts.length ? `shifted ${parts.join(", ")}` : "not shifted";
}
