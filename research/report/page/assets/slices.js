// One table of the plane for each level of the axis that it is sliced along.

import { make, percent } from "dom.js";

export const AXES = ["reduce", "lowpass", "sample"];

const key = (levels) => AXES.map((axis) => levels[axis]).join("\n");

/**
 * Returns a table for each level.
 *
 * @param axes the levels of each axis.
 * @param across the axis to slice along.
 * @param cells [reduce, lowpass, sample, value, low, high] of each.
 * @param signed whether values are differences, which have a sign and a colour for it.
 * @param name of what is shown.
 */
export function slices(axes, { across, cells, signed, name }) {
  const numbers = new Map(
    cells.map(([reduce, lowpass, sample, ...rest]) => [key({ reduce, lowpass, sample }), rest]),
  );
  const values = cells.map((cell) => cell[3]);
  const most = Math.max(...values.map(Math.abs));
  const limits = signed ? [-most, most] : [Math.min(...values), Math.max(...values)];
  const show = signed ? difference : proportion;
  const [down, along] = AXES.filter((axis) => axis !== across);
  return axes[across].map((level) => {
    const line = (row) =>
      axes[along].map((column) =>
        show(numbers.get(key({ [across]: level, [down]: row, [along]: column })), limits),
      );
    const label = `${name}, ${across} ${level}`;
    return make(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
      table({ caption: [`${across}: `, make("b", {}, level)], axes, down, along, line }),
    );
  });
}

function table({ caption, axes, down, along, line }) {
  const corner = make("th", { class: "corner" }, `${along} →`, make("br"), `${down} ↓`);
  const head = axes[along].map((one) => make("th", { scope: "col" }, one));
  const body = axes[down].map((row) =>
    make("tr", {}, make("th", { scope: "row" }, row), ...line(row)),
  );
  return make(
    "table",
    { class: "heat" },
    make("caption", {}, ...caption),
    make("thead", {}, make("tr", {}, corner, ...head)),
    make("tbody", {}, ...body),
  );
}

function proportion(numbers, limits) {
  return cell(
    numbers,
    limits,
    (value) => percent(value, 1),
    (end) => (100 * end).toFixed(1),
  );
}

function difference(numbers, limits) {
  const points = (value) => (100 * value).toFixed(1).replace("-", "−");
  return cell(numbers, limits, (value) => `${value > 0 ? "+" : ""}${points(value)}`, points);
}

function cell(numbers, [least, most], tell, end) {
  if (!numbers) return make("td", { class: "none" }, "–");
  const [value, low, high] = numbers;
  const ends = low === null ? null : make("small", {}, `[${end(low)}, ${end(high)}]`);
  const signed = least < 0;
  const part = most > least ? (value - least) / (most - least) : 0.5;
  const strength = signed ? Math.abs(2 * part - 1) : part;
  return make(
    "td",
    { class: signed && value < 0 ? "less" : null, style: `--part: ${strength.toFixed(3)}` },
    make("b", {}, tell(value)),
    ends,
  );
}
