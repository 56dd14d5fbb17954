// The plane explorer: reduce × lowpass × sample, sliced along one axis.

import { choices, make, perSet, range } from "dom.js";
import { effectChart } from "effects.js";
import { AXES, slices } from "slices.js";

const SHOWN = ["value", "interaction"];

export function planeExplorer(place, planes) {
  perSet(place, planes, explorer, "Runs", (plane) => plane.title);
}

function explorer(plane) {
  const measure = new Set([0]);
  const sliced = new Set([bestSlice(plane)]);
  const shown = new Set([0]);
  const tables = make("div", { class: "slices" });
  const charts = make("div", { class: "effects" });
  const note = make("p", { class: "note" });
  const whole = plane.measures.every((one) => one.interactions.length);

  function update() {
    const chosen = plane.measures[only(measure)];
    const signed = SHOWN[only(shown)] === "interaction";
    const cells = signed ? chosen.interactions : chosen.cells;
    const across = AXES[only(sliced)];
    tables.replaceChildren(...slices(plane.axes, { across, cells, signed, name: chosen.name }));
    charts.replaceChildren(...effectCharts(chosen));
    note.textContent = [`${plane.title}.`, chosen.caption, missing(plane, chosen)].join(" ");
  }

  const choice = (legend, names, set) =>
    choices({
      legend,
      options: names.map((label) => ({ label })),
      chosen: set,
      changed: update,
    });
  const names = plane.measures.map(({ name }) => name);
  const controls = make(
    "div",
    { class: "controls" },
    choice("Measure", names, measure),
    choice("A table for each", AXES, sliced),
    whole ? choice("Show", SHOWN, shown) : null,
  );
  const told = make(
    "p",
    { class: "note" },
    "Interaction: the value less what the main effects add up to, in percentage points.",
  );
  const title = make("h3", { class: "sub" }, "Main effects");
  update();
  return make("div", {}, controls, tables, whole ? told : null, title, charts, note);
}

const only = (set) => [...set][0];

function missing(plane, measure) {
  const all = AXES.reduce((product, axis) => product * plane.axes[axis].length, 1);
  const count = all - measure.cells.length;
  return count ? `${count} of ${all} combinations were not run.` : "";
}

/** Returns the axis with the fewest levels, of those with several. */
function bestSlice(plane) {
  const levels = (index) => plane.axes[AXES[index]].length;
  const several = range(AXES.length).filter((index) => levels(index) > 1);
  return several.reduce((best, one) => (levels(one) <= levels(best) ? one : best), several[0]);
}

function effectCharts(measure) {
  const lines = AXES.flatMap((axis) => measure.effects[axis].levels);
  const all = lines.flatMap(([, value, low, high]) => [low ?? value, value, high ?? value]);
  const limits = [Math.min(...all), Math.max(...all)];
  return AXES.map((axis) => {
    const { over, levels } = measure.effects[axis];
    const told = levels.length
      ? `, mean over ${over} combination${over === 1 ? "" : "s"}`
      : ": one level, or no combination that was run with every level";
    const caption = make("figcaption", {}, make("b", {}, axis), told);
    if (!levels.length) return make("figure", {}, caption);
    const title = `Main effect of ${axis} on ${measure.name}`;
    return make("figure", {}, caption, effectChart(levels, limits, title));
  });
}
