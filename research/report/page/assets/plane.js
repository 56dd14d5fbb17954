// The plane explorer: reduce × lowpass × sample, sliced along one axis.

import { choices, listed, make, perSet, range } from "dom.js";
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
    charts.replaceChildren(...effectCharts(plane.axes, chosen));
    note.textContent = [`${plane.title}.`, chosen.caption, others(plane)].join(" ");
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

function others({ more }) {
  const many = more === 1 ? "1 combination was" : `${more} combinations were`;
  return more ? `${many} run beside these, not with every level of the other axes.` : "";
}

/** Returns the axis with the fewest levels, of those with several. */
function bestSlice(plane) {
  const levels = (index) => plane.axes[AXES[index]].length;
  const several = range(AXES.length).filter((index) => levels(index) > 1);
  return several.reduce((best, one) => (levels(one) <= levels(best) ? one : best), several[0]);
}

function effectCharts(axes, { effects, name }) {
  const lines = AXES.flatMap((axis) => effects[axis]);
  const all = lines.flatMap(([, value, low, high]) => [low ?? value, value, high ?? value]);
  const limits = [Math.min(...all), Math.max(...all)];
  return AXES.filter((axis) => effects[axis].length).map((axis) => {
    const over = AXES.filter((one) => one !== axis && axes[one].length > 1);
    const caption = make("figcaption", {}, make("b", {}, axis), `, mean over ${listed(over)}`);
    const title = `Main effect of ${axis} on ${name}`;
    return make("figure", {}, caption, effectChart(effects[axis], limits, title));
  });
}
