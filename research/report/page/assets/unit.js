// The card of one network in the receptive-field explorer.

import { colour, make, mix, percent } from "dom.js";
import { canvas, fill, marker, pointing } from "grid.js";
import { stageAt, total } from "receptive.js";

/**
 * @param network as of `stagesOf`.
 * @param places along each axis on which a unit is chosen: `go(row, column)`.
 */
export function card(network, { height, width, places, go }) {
  const picture = canvas(height, width, { role: "img" });
  const outlines = make("div", { class: "outlines", "aria-hidden": "true" });
  const view = make("div", { class: "pad view" }, picture, outlines);
  pointing(view, places, places, go);
  const units = make("div", { class: "pad units" });
  pointing(units, places, places, go);
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
    const lit = [seen.rows, seen.columns].map((parts, axis) =>
      inside(parts, axis ? width : height),
    );
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
    can.replaceChildren(
      "can see ",
      make("b", {}, whole ? "the whole image" : `${tall}×${wide}`),
      whole ? "" : ` px, ${part} of the image${border}`,
    );
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
