// Dots with intervals, a line for each level.

import { percent } from "dom.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const LINE = 30;
const LEFT = 96;
const RIGHT = 66;

function draw(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Draws `[level, value, low, high]` lines on one scale. */
export function effectChart(levels, [least, most], title) {
  const height = LINE * levels.length;
  const said = levels.map(([level, value]) => `${level} ${percent(value, 1)}`).join(", ");
  const svg = draw("svg", {
    viewBox: `0 0 ${WIDTH} ${height}`,
    role: "img",
    "aria-label": `${title}: ${said}`,
    class: "dots",
  });
  const x = (value) => LEFT + ((value - least) / (most - least || 1)) * (WIDTH - LEFT - RIGHT);
  levels.forEach(([level, value, low, high], index) => {
    const y = LINE * index + LINE / 2;
    svg.append(
      draw("path", { class: "rule", d: `M${LEFT - 6} ${y}H${WIDTH - RIGHT + 6}` }),
      draw("text", { x: LEFT - 12, y: y + 4, "text-anchor": "end" }, level),
      draw(
        "text",
        { x: WIDTH, y: y + 4, "text-anchor": "end", class: "value" },
        percent(value, 1),
      ),
    );
    if (low !== null && high !== null)
      svg.append(draw("path", { class: "range", d: `M${x(low)} ${y}H${x(high)}` }));
    svg.append(draw("circle", { class: "dot", cx: x(value), cy: y, r: 5 }));
  });
  return svg;
}
