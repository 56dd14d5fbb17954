// A grid on which one cell is chosen: with the mouse, a finger, or the arrow keys.

import { make } from "dom.js";
import { canvas, keys, marker, pointing, wrap } from "grid.js";

/**
 * Makes the pad, which takes the focus.
 *
 * @param home the cell chosen at first, and by the Home key.
 * @param wraps whether arrow keys go round at the border.
 * @param moved called when another cell is chosen.
 */
export function controlPad(height, width, { home, wraps = false, moved }) {
  const map = canvas(height, width, { "aria-hidden": "true" });
  const cross = marker(height, width);
  const origin = marker(height, width, "home");
  const element = make(
    "div",
    { class: "pad control", tabindex: 0, role: "application" },
    map,
    origin.element,
    cross.element,
  );
  const pad = {
    element,
    map,
    cell: [...home],
    label: (text) => element.setAttribute("aria-label", text),
    go(row, column) {
      pad.cell = [row, column];
      cross.place(row, column);
      moved();
    },
  };
  const limited = (value, size) =>
    wraps ? wrap(value, size) : Math.min(size - 1, Math.max(0, value));
  pointing(element, height, width, pad.go);
  keys(
    element,
    (rows, columns) =>
      pad.go(limited(pad.cell[0] + rows, height), limited(pad.cell[1] + columns, width)),
    () => pad.go(...home),
  );
  origin.place(...home);
  cross.place(...home);
  return pad;
}
