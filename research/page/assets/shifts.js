// The shift explorer: an image at every circular shift, and what networks say of it.

import { announcer, choices, colour, make, menu, mix, onTheme, percent, range } from "dom.js";
import { canvas, fill, keys, marker, pixels, pointing } from "grid.js";
import { unpack } from "pack.js";

export function shiftExplorer(place, sets) {
  const body = make("div");
  const show = (index) => body.replaceChildren(explorer(sets[index]));
  place.append(menu("Data", sets.map((set) => set.data), show) ?? "", body);
  show(0);
}

function explorer(set) {
  const images = unpack(set.images);
  const [count, height, width] = images.shape;
  const networks = set.networks.map((network) => orbitOf(network, height, width));
  const middle = [height >> 1, width >> 1];
  const state = { image: 0, cell: [...middle] };
  const chosen = new Set(range(Math.min(4, networks.length)));
  const pictured = new Set([0]);
  const label = (index) => set.names[index] ?? String(index);

  const still = canvas(height, width);
  const moved = canvas(height, width, { class: "picture", role: "img" });
  const map = canvas(height, width, { "aria-hidden": "true" });
  const cross = marker(height, width);
  const home = marker(height, width, "home");
  home.place(...middle);
  const pad = make(
    "div",
    { class: "pad", tabindex: 0, role: "application", "aria-roledescription": "map of all shifts" },
    map,
    home.element,
    cross.element,
  );
  const where = make("p", { class: "where" });
  const cards = make("div", { class: "cards" });
  const { output, say } = announcer();
  let shown = [];

  const go = (row, column) => {
    state.cell = [row, column];
    update();
  };
  pointing(pad, height, width, go);
  const wrap = (value, size) => ((value % size) + size) % size;
  keys(
    pad,
    (rows, columns) => go(wrap(state.cell[0] + rows, height), wrap(state.cell[1] + columns, width)),
    () => go(...middle),
  );

  function rebuild() {
    shown = [...chosen].sort((a, b) => a - b).map((index) => card(networks[index], { height, width, home: middle, go, label }));
    cards.replaceChildren(...shown.map((one) => one.element));
    repaint();
  }

  function repaint() {
    const [keep, flip, paper] = [colour("--keep"), colour("--flip"), colour("--card")];
    const shade = (part) => (part < 0.5 ? mix(flip, paper, 2 * part) : mix(paper, keep, 2 * part - 1));
    fill(map, (row, column) => {
      const same = shown.filter((one) => one.network.keeps(state.image, row - middle[0], column - middle[1]));
      return shade(same.length / shown.length);
    });
    for (const one of shown) one.paint(state.image);
    fill(still, pixels(images, state.image));
    update();
  }

  function update() {
    const [dy, dx] = [state.cell[0] - middle[0], state.cell[1] - middle[1]];
    const look = pixels(images, state.image);
    fill(moved, (y, x) => look(wrap(y - dy, height), wrap(x - dx, width)));
    cross.place(...state.cell);
    const told = spoken(dy, dx);
    where.textContent = told;
    moved.setAttribute("aria-label", `Image of class ${label(set.labels[state.image])}, ${told}`);
    const said = shown.map((one) => one.update(state.image, dy, dx, set.labels[state.image]));
    pad.setAttribute("aria-label", `Map of all shifts, arrow keys move: ${told}`);
    say(`${told}. ${said.join("; ")}`);
  }

  const thumbs = range(count).map((index) => {
    const thumb = canvas(height, width, { "aria-hidden": "true" });
    fill(thumb, pixels(images, index));
    const name = make("span", { class: "hidden" }, label(set.labels[index]));
    return { label: make("span", { class: "thumb" }, thumb, name), title: label(set.labels[index]) };
  });
  const controls = make(
    "div",
    { class: "controls" },
    choices({
      legend: "Image",
      options: thumbs,
      chosen: pictured,
      kind: "pictures",
      changed: () => {
        [state.image] = pictured;
        repaint();
      },
    }),
    choices({
      legend: "Networks",
      options: networks.map(({ arm, told }) => ({ label: arm, title: told })),
      chosen,
      several: true,
      changed: rebuild,
    }),
    set.all > networks.length ? make("p", { class: "note" }, `${networks.length} of ${set.all} networks.`) : null,
  );
  onTheme(repaint);
  rebuild();
  return make(
    "div",
    {},
    controls,
    make(
      "div",
      { class: "stage" },
      make(
        "div",
        { class: "side" },
        make("div", { class: "pair" }, make("figure", {}, pad, make("figcaption", {}, scaleBar("all flip", "all keep"))), make("figure", {}, moved, make("figcaption", {}, where))),
      ),
      cards,
    ),
    make(
      "p",
      { class: "note" },
      make("b", {}, "Colours. "),
      "A network ",
      make("span", { class: "swatch keep" }, "keeps"),
      " its prediction under a shift, or ",
      make("span", { class: "swatch flip" }, "flips"),
      " it; the fainter, the less sure. Bars: probability of each class; a line marks the unshifted image’s, a dot the true class.",
    ),
    output,
  );
}

function scaleBar(low, high) {
  return make("span", { class: "scalebar" }, low, make("i", { "aria-hidden": "true" }), high);
}

function spoken(dy, dx) {
  const part = (pixelsMoved, forward, backward) => (pixelsMoved ? `${Math.abs(pixelsMoved)} px ${pixelsMoved > 0 ? forward : backward}` : "");
  const parts = [part(dy, "down", "up"), part(dx, "right", "left")].filter(Boolean);
  return parts.length ? `shifted ${parts.join(", ")}` : "not shifted";
}

/** A network's orbits: predictions and probabilities of any shift of an image. */
function orbitOf({ arm, seed, parameters, orbit }, height, width) {
  const predictions = unpack(orbit.predictions);
  const probabilities = unpack(orbit.probabilities);
  const classes = unpack(orbit.classes);
  const [, rows, columns] = predictions.shape;
  const kept = classes.shape[1];
  const at = (image, dy, dx) => {
    const row = ((dy % rows) + rows) % rows;
    const column = ((dx % columns) + columns) % columns;
    return (image * rows + row) * columns + column;
  };
  const classesOf = (image) => classes.values.subarray(image * kept, (image + 1) * kept);
  const predicted = (image, dy, dx) => predictions.values[at(image, dy, dx)];
  const probabilitiesOf = (image, dy, dx) => {
    const start = at(image, dy, dx) * kept;
    return probabilities.values.subarray(start, start + kept);
  };
  const size = parameters === null ? "" : `${parameters.toLocaleString("en")} parameters, `;
  return {
    arm,
    told: `${size}seed ${seed}; ${orbit.method}`,
    size: parameters === null ? "" : `${parameters.toLocaleString("en")} parameters`,
    classesOf,
    predicted,
    probabilitiesOf,
    keeps: (image, dy, dx) => predicted(image, dy, dx) === predicted(image, 0, 0),
    /** Probability of the prediction; unknown (½) where its class was not kept. */
    sureness(image, dy, dx) {
      const place = classesOf(image).indexOf(predicted(image, dy, dx));
      return place < 0 ? 0.5 : probabilitiesOf(image, dy, dx)[place] / 255;
    },
    agreement(image) {
      let same = 0;
      for (let dy = 0; dy < height; dy += 1) {
        for (let dx = 0; dx < width; dx += 1) same += this.keeps(image, dy, dx);
      }
      return same / (height * width);
    },
  };
}

/** What one network says: its map over all shifts, its prediction, its probabilities. */
function card(network, { height, width, home, go, label }) {
  const map = canvas(height, width, { role: "img" });
  const cross = marker(height, width);
  const pad = make("div", { class: "pad small" }, map, cross.element);
  pointing(pad, height, width, go);
  const says = make("b", { class: "says" });
  const sure = make("span", { class: "sure" });
  const agrees = make("p", { class: "agrees" });
  const bars = make("div", { class: "bars", role: "img" });
  const element = make(
    "article",
    { class: "card" },
    make("h3", {}, network.arm),
    make("p", { class: "fine" }, network.told),
    make("div", { class: "row" }, pad, make("div", { class: "answer" }, says, sure, agrees)),
    bars,
  );

  function paint(image) {
    const [paper, keep, flip] = [colour("--card"), colour("--keep"), colour("--flip")];
    fill(map, (row, column) => {
      const shift = [row - home[0], column - home[1]];
      const sureness = network.sureness(image, ...shift);
      return mix(paper, network.keeps(image, ...shift) ? keep : flip, 0.25 + 0.75 * sureness);
    });
    const told = `${percent(network.agreement(image), 1)} of all shifts`;
    agrees.replaceChildren("keeps it at ", make("b", {}, told));
    map.setAttribute("aria-label", `${network.arm}: keeps its prediction at ${told}`);
    bars.replaceChildren(
      ...Array.from(network.classesOf(image), (index) =>
        make("div", { class: "bar" }, make("div", { class: "well" }, make("i"), make("u")), make("span", {}, label(index))),
      ),
    );
  }

  function update(image, dy, dx, truth) {
    cross.place(dy + home[0], dx + home[1]);
    const prediction = network.predicted(image, dy, dx);
    const keeps = network.keeps(image, dy, dx);
    const sureness = network.sureness(image, dy, dx);
    element.classList.toggle("flips", !keeps);
    says.textContent = label(prediction);
    sure.textContent = `${percent(sureness)}${prediction === truth ? "" : ", wrong"}`;
    const now = network.probabilitiesOf(image, dy, dx);
    const before = network.probabilitiesOf(image, 0, 0);
    network.classesOf(image).forEach((index, place) => {
      const bar = bars.children[place];
      const [filled, line] = bar.firstChild.children;
      filled.style.height = `${now[place] / 2.55}%`;
      line.style.bottom = `${before[place] / 2.55}%`;
      bar.classList.toggle("top", index === prediction);
      bar.classList.toggle("truth", index === truth);
    });
    const said = `${network.arm}: ${label(prediction)}, ${percent(sureness)}`;
    bars.setAttribute("aria-label", `Probabilities. ${said}`);
    return said;
  }

  return { element, network, paint, update };
}

