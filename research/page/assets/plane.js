// The plane explorer: reduce × lowpass × sample, sliced along one axis.

import { choices, make, percent, perSet, range } from "dom.js";
import { effectChart } from "effects.js";

const AXES = ["reduce", "lowpass", "sample"];

export function planeExplorer(place, planes) {
  perSet(place, planes, explorer, "Runs", (plane) => plane.title);
}

function explorer(plane) {
  const measure = new Set([0]);
  const sliced = new Set([bestSlice(plane)]);
  const tables = make("div", { class: "slices" });
  const charts = make("div", { class: "effects" });
  const note = make("p", { class: "note" });

  function update() {
    const [chosen] = [...measure].map((index) => plane.measures[index]);
    const [across] = [...sliced].map((index) => AXES[index]);
    const cells = new Map(
      chosen.cells.map(([reduce, lowpass, sample, ...numbers]) => [
        key({ reduce, lowpass, sample }),
        numbers,
      ]),
    );
    const values = chosen.cells.map((cell) => cell[3]);
    const limits = [Math.min(...values), Math.max(...values)];
    tables.replaceChildren(
      ...plane.axes[across].map((level) =>
        slice(plane, { across, level, cells, limits, name: chosen.name }),
      ),
    );
    charts.replaceChildren(...effectCharts(plane, chosen));
    const cellsOfAll = AXES.reduce((product, axis) => product * plane.axes[axis].length, 1);
    const missing = cellsOfAll - chosen.cells.length;
    note.textContent = `${plane.title}. ${chosen.caption}${missing ? ` ${missing} of ${cellsOfAll} combinations were not run.` : ""}`;
  }

  const controls = make(
    "div",
    { class: "controls" },
    choices({
      legend: "Measure",
      options: plane.measures.map(({ name }) => ({ label: name })),
      chosen: measure,
      changed: update,
    }),
    choices({
      legend: "A table for each",
      options: AXES.map((label) => ({ label })),
      chosen: sliced,
      changed: update,
    }),
  );
  update();
  return make(
    "div",
    {},
    controls,
    tables,
    make("h3", { class: "sub" }, "Main effects"),
    charts,
    note,
  );
}

const key = (levels) => AXES.map((axis) => levels[axis]).join("\n");

/** Returns the axis with the fewest levels, of those with several. */
function bestSlice(plane) {
  const levels = (index) => plane.axes[AXES[index]].length;
  const several = range(3).filter((index) => levels(index) > 1);
  return several.reduce(
    (best, index) => (levels(index) <= levels(best) ? index : best),
    several[0],
  );
}

function slice(plane, { across, level, cells, limits, name }) {
  const [down, along] = AXES.filter((axis) => axis !== across);
  const head = plane.axes[along].map((one) => make("th", { scope: "col" }, one));
  const lines = plane.axes[down].map((row) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, row),
      ...plane.axes[along].map((column) =>
        cell(cells.get(key({ [across]: level, [down]: row, [along]: column })), limits),
      ),
    ),
  );
  return make(
    "div",
    {
      class: "scroll",
      tabindex: 0,
      role: "region",
      "aria-label": `${name}, ${across} ${level}`,
    },
    make(
      "table",
      { class: "heat" },
      make("caption", {}, `${across}: `, make("b", {}, level)),
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          make("th", { class: "corner" }, `${along} →`, make("br"), `${down} ↓`),
          ...head,
        ),
      ),
      make("tbody", {}, ...lines),
    ),
  );
}

function cell(numbers, [least, most]) {
  if (!numbers) return make("td", { class: "none" }, "–");
  const [value, low, high] = numbers;
  const part = most > least ? (value - least) / (most - least) : 0.5;
  const ends =
    low === null
      ? null
      : make("small", {}, `[${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`);
  return make(
    "td",
    { style: `--part: ${part.toFixed(3)}` },
    make("b", {}, percent(value, 1)),
    ends,
  );
}

function effectCharts(plane, measure) {
  const all = AXES.flatMap((axis) =>
    measure.effects[axis].levels.flatMap(([, value, low, high]) => [
      low ?? value,
      value,
      high ?? value,
    ]),
  );
  const limits = [Math.min(...all), Math.max(...all)];
  return AXES.map((axis) => {
    const { over, levels } = measure.effects[axis];
    const title = make(
      "figcaption",
      {},
      make("b", {}, axis),
      `, mean over ${over} combination${over === 1 ? "" : "s"}`,
    );
    if (!levels.length) {
      return make(
        "figure",
        {},
        make(
          "figcaption",
          {},
          make("b", {}, axis),
          ": one level, or no combination that was run with every level",
        ),
      );
    }
    return make(
      "figure",
      {},
      title,
      effectChart(levels, limits, `Main effect of ${axis} on ${measure.name}`),
    );
  });
}
