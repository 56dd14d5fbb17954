// The receptive-field explorer: what a unit can see of an image, and what it looks at.

import { answer } from "answer.js";
import { announcer, choices, colour, make, menu, mix, onTheme, percent, range } from "dom.js";
import { canvas, fill, keys, marker, pixels, pointing } from "grid.js";
import { unpack } from "pack.js";
import { depths, stageAt, stagesOf, total } from "receptive.js";

const PLACES = 5; // along each axis of the pad on which a unit is chosen

export function fieldExplorer(place, sets) {
  const body = make("div");
  const show = (index) => body.replaceChildren(explorer(sets[index]));
  place.append(menu("Data", sets.map((set) => set.data), show) ?? "", body);
  show(0);
}

function explorer(set) {
  const images = unpack(set.images);
  const [count, height, width] = images.shape;
  const networks = set.networks.map((network) => stagesOf(network, height, width));
  const levels = depths(networks);
  const state = { image: 0, cell: [PLACES >> 1, PLACES >> 1] };
  const chosen = new Set(opposites(networks));
  const level = new Set([levels.length - 1]);
  const pictured = new Set([0]);
  const effective = new Set([0]);
  const reply = make("div", { class: "answer-text" });
  const cards = make("div", { class: "cards wide" });
  const { output, say } = announcer();
  let shown = [];

  const map = canvas(PLACES, PLACES, { "aria-hidden": "true" });
  const cross = marker(PLACES, PLACES);
  const pad = make("div", { class: "pad unit", tabindex: 0, role: "application", "aria-roledescription": "places of a map" }, map, cross.element);
  const go = (row, column) => {
    state.cell = [row, column];
    update();
  };
  const limit = (value) => Math.min(PLACES - 1, Math.max(0, value));
  pointing(pad, PLACES, PLACES, go);
  keys(
    pad,
    (rows, columns) => go(limit(state.cell[0] + rows), limit(state.cell[1] + columns)),
    () => go(PLACES >> 1, PLACES >> 1),
  );

  function rebuild() {
    const picked = [...chosen].sort((a, b) => a - b).map((index) => networks[index]);
    shown = picked.map((network) => card(network, { height, width, go }));
    cards.replaceChildren(...shown.map((one) => one.element));
    reply.replaceChildren(...answer(picked, height, width));
    repaint();
  }

  function repaint() {
    const [line, paper] = [colour("--line"), colour("--card")];
    fill(map, (y, x) => ((y + x) % 2 ? paper : mix(paper, line, 0.6)));
    update();
  }

  function update() {
    cross.place(...state.cell);
    const at = state.cell.map((value) => value / (PLACES - 1));
    const [key] = [...level].map((index) => levels[index].key);
    const look = pixels(images, state.image);
    const options = { at, key, look, effective: effective.has(0) };
    const said = shown.map((one) => one.update(options));
    const told = `row ${state.cell[0] + 1}, column ${state.cell[1] + 1} of ${PLACES}`;
    pad.setAttribute("aria-label", `Place of the unit on the map, arrow keys move: ${told}`);
    say(`Unit at ${told}. ${said.join("; ")}`);
  }

  const thumbs = range(count).map((index) => {
    const thumb = canvas(height, width, { "aria-hidden": "true" });
    fill(thumb, pixels(images, index));
    const name = set.names[set.labels[index]] ?? String(set.labels[index]);
    return { label: make("span", { class: "thumb" }, thumb, make("span", { class: "hidden" }, name)), title: name };
  });
  const toggle = make("input", {
    type: "checkbox",
    onchange: () => {
      effective.clear();
      if (toggle.checked) effective.add(0);
      update();
    },
  });
  toggle.checked = true;
  const controls = make(
    "div",
    { class: "controls" },
    choices({ legend: "Networks", options: networks.map(({ arm }) => ({ label: arm })), chosen, several: true, changed: rebuild }),
    choices({ legend: "Stage", options: levels.map(({ name }) => ({ label: name })), chosen: level, changed: update }),
    choices({
      legend: "Image",
      options: thumbs,
      chosen: pictured,
      kind: "pictures",
      changed: () => {
        [state.image] = pictured;
        update();
      },
    }),
  );
  onTheme(repaint);
  rebuild();
  return make(
    "div",
    {},
    reply,
    controls,
    make(
      "div",
      { class: "stage" },
      make(
        "div",
        { class: "side narrow" },
        make("figure", {}, pad, make("figcaption", {}, "Place of the unit on the stage’s map")),
        make("label", { class: "toggle" }, toggle, make("span", { class: "swatch heat" }, "effective field")),
      ),
      cards,
    ),
    make(
      "p",
      { class: "note" },
      `Effective field: √ of the mean |∂ unit / ∂ pixel| over ${networks[0].last.examples} images, up to its peak; its size is √(pixels above 4.55 % of the peak). The place chosen stands for the nearest unit of each map.`,
    ),
    output,
  );
}

/** Returns the networks whose last units see least and most. */
function opposites(networks) {
  const sees = (network) => (network.last.receptive.includes(null) ? Infinity : network.last.receptive[0]);
  const finite = range(networks.length).filter((index) => sees(networks[index]) < Infinity);
  const order = (finite.length > 1 ? finite : range(networks.length)).sort((a, b) => sees(networks[a]) - sees(networks[b]) || a - b);
  const least = order[0];
  const pooled = order.find((index) => networks[index].arm.startsWith("max") && sees(networks[index]) > sees(networks[least]));
  return [least, pooled ?? order[order.length - 1]];
}

function card(network, { height, width, go }) {
  const picture = canvas(height, width, { role: "img" });
  const outlines = make("div", { class: "outlines", "aria-hidden": "true" });
  const view = make("div", { class: "pad view" }, picture, outlines);
  pointing(view, PLACES, PLACES, go);
  const units = make("div", { class: "pad units" });
  pointing(units, PLACES, PLACES, go);
  const size = make("p", { class: "fine" });
  const can = make("p", {});
  const looks = make("p", {});
  const element = make(
    "article",
    { class: "card" },
    make("h3", {}, network.arm),
    size,
    make("div", { class: "row" }, view, make("div", { class: "answer" }, units, can, looks)),
  );

  function update({ at, key, look, effective }) {
    const stage = stageAt(network, key);
    const unit = stage.unit(at);
    const seen = stage.seen(unit);
    const lit = [seen.rows, seen.columns].map((parts, axis) => inside(parts, axis ? width : height));
    const field = effective ? stage.field(unit) : null;
    const [veil, heat] = [colour("--veil"), colour("--heat")];
    fill(picture, (y, x) => {
      const pixel = look(y, x);
      if (!lit[0][y] || !lit[1][x]) return mix(pixel, veil, 0.75);
      return field ? mix(pixel, heat, (0.9 * field[y * width + x]) / 255) : pixel;
    });
    outlines.replaceChildren(...boxes(seen, height, width));
    unitMap(units, stage, unit);
    const [tall, wide] = [total(seen.rows), total(seen.columns)];
    const part = percent((tall * wide) / (height * width));
    const whole = stage.receptive.includes(null);
    const cut = !whole && (stage.receptive[0] > tall || stage.receptive[1] > wide);
    const border = cut ? `, of ${stage.receptive[0]}×${stage.receptive[1]} borders aside` : "";
    size.textContent = `after ${stage.name}: unit (${stage.ys[unit[0]]}, ${stage.xs[unit[1]]}) of ${stage.tall}×${stage.wide}`;
    can.replaceChildren("can see ", make("b", {}, whole ? "the whole image" : `${tall}×${wide}`), whole ? "" : ` px, ${part} of the image${border}`);
    const side = stage.size(unit).toFixed(1);
    looks.replaceChildren("looks at ", make("b", {}, `${side}×${side}`), " px");
    const said = `${network.arm}: ${can.textContent}; ${looks.textContent}`;
    picture.setAttribute("aria-label", said);
    return said;
  }

  return { element, update };
}

function inside(parts, length) {
  const bits = new Uint8Array(length);
  for (const [start, size] of parts) bits.fill(1, start, start + size);
  return bits;
}

/** Outlines of what is seen: several boxes where a circular border wraps it. */
function boxes({ rows, columns }, height, width) {
  return rows.flatMap(([top, tall]) =>
    columns.map(([left, wide]) => {
      const { element, place } = marker(height, width, "outline");
      place(top, left, tall, wide);
      return element;
    }),
  );
}

/** Draws a stage's map to scale of its number of units, the chosen one filled. */
function unitMap(place, stage, [y, x]) {
  const map = canvas(stage.tall, stage.wide, { "aria-hidden": "true" });
  const [paper, line, ink] = [colour("--card"), colour("--line"), colour("--accent")];
  fill(map, (row, column) => {
    if (row === stage.ys[y] && column === stage.xs[x]) return ink;
    return (row + column) % 2 ? paper : mix(paper, line, 0.6);
  });
  place.replaceChildren(map);
}
