// The receptive-field explorer: what a unit can see of an image, and what it looks at.

import { answer } from "answer.js";
import { announcer, choices, colour, make, mix, onTheme, perSet, range } from "dom.js";
import { fill, pixels, thumbnails } from "grid.js";
import { unpack } from "pack.js";
import { controlPad } from "pad.js";
import { depths, stagesOf } from "receptive.js";
import { card } from "unit.js";

const PLACES = 5; // along each axis of the pad on which a unit is chosen
const MIDDLE = PLACES >> 1;

export function fieldExplorer(place, sets) {
  perSet(place, sets, explorer);
}

function explorer(set) {
  const images = unpack(set.images);
  const [, height, width] = images.shape;
  const networks = set.networks.map((network) => stagesOf(network, height, width));
  const levels = depths(networks);
  const chosen = new Set(opposites(networks));
  const level = new Set([levels.length - 1]);
  const pictured = new Set([0]);
  const toggle = make("input", { type: "checkbox", checked: true, onchange: update });
  const reply = make("div", { class: "answer-text" });
  const cards = make("div", { class: "cards wide" });
  const { output, say } = announcer();
  const pad = controlPad(PLACES, PLACES, { home: [MIDDLE, MIDDLE], moved: update });
  let shown = [];

  function rebuild() {
    const picked = [...chosen].sort((a, b) => a - b).map((index) => networks[index]);
    const options = { height, width, places: PLACES, go: pad.go };
    shown = picked.map((network) => card(network, options));
    cards.replaceChildren(...shown.map((one) => one.element));
    reply.replaceChildren(...answer(picked, height, width));
    repaint();
  }

  function repaint() {
    const [line, paper] = [colour("--line"), colour("--card")];
    fill(pad.map, (y, x) => ((y + x) % 2 ? paper : mix(paper, line, 0.6)));
    update();
  }

  function update() {
    const [image] = pictured;
    const [{ key }] = [...level].map((index) => levels[index]);
    const at = pad.cell.map((place) => place / (PLACES - 1));
    const options = { at, key, look: pixels(images, image), effective: toggle.checked };
    const said = shown.map((one) => one.update(options));
    const told = `row ${pad.cell[0] + 1}, column ${pad.cell[1] + 1} of ${PLACES}`;
    pad.label(`Place of the unit on the map, arrow keys move: ${told}`);
    say(`Unit at ${told}. ${said.join("; ")}`);
  }

  const titles = set.labels.map((index) => set.names[index] ?? String(index));
  onTheme(repaint);
  rebuild();
  return make(
    "div",
    {},
    reply,
    controls({ networks, levels, images, titles, chosen, level, pictured, rebuild, update }),
    make("div", { class: "stage narrow" }, aside(pad, toggle), cards),
    legend(networks[0].last.examples),
    output,
  );
}

function controls(given) {
  const { networks, levels, images, titles, chosen, level, pictured, rebuild, update } = given;
  return make(
    "div",
    { class: "controls" },
    choices({
      legend: "Networks",
      options: networks.map(({ arm }) => ({ label: arm })),
      chosen,
      several: true,
      changed: rebuild,
    }),
    choices({
      legend: "Stage",
      options: levels.map(({ name }) => ({ label: name })),
      chosen: level,
      changed: update,
    }),
    choices({
      legend: "Image",
      options: thumbnails(images, titles),
      chosen: pictured,
      kind: "pictures",
      changed: update,
    }),
  );
}

function aside(pad, toggle) {
  const caption = make("figcaption", {}, "Place of the unit on the stage’s map");
  const name = make("span", { class: "swatch heat" }, "effective field");
  return make(
    "div",
    { class: "side" },
    make("figure", {}, pad.element, caption),
    make("label", { class: "toggle" }, toggle, name),
  );
}

function legend(examples) {
  return make(
    "p",
    { class: "note" },
    `Effective field: √ of the mean |∂ unit / ∂ pixel| over ${examples} images, as a part of `,
    "its peak; its size is √(number of pixels above 4.55 % of the peak). The place chosen ",
    "stands for the nearest unit of each map.",
  );
}

/** Returns two networks: without pooling as far as possible, and one like it with it. */
function opposites(networks) {
  const sees = ({ last }) => (last.receptive.includes(null) ? Infinity : last.receptive[0]);
  const finite = range(networks.length).filter((i) => sees(networks[i]) < Infinity);
  const order = finite.length > 1 ? finite : range(networks.length);
  order.sort((a, b) => sees(networks[a]) - sees(networks[b]) || a - b);
  const [least] = order;
  const words = (i) => networks[i].arm.split(", ");
  const like = (i) => words(i).filter((word) => words(least).includes(word)).length;
  const pools = order.filter(
    (i) => words(i).includes("max pooling") && sees(networks[i]) > sees(networks[least]),
  );
  pools.sort((a, b) => like(b) - like(a));
  return [least, pools[0] ?? order[order.length - 1]];
}
