// Pictures and maps of cells, and pointing at a cell.

import { make } from "dom.js";

/** Makes a canvas with one pixel for each cell; the style sheet makes it large. */
export function canvas(height, width, attributes = {}) {
  return make("canvas", { height, width, ...attributes });
}

/** Fills a canvas: `paint(row, column)` returns [r, g, b] or [r, g, b, alpha]. */
export function fill(target, paint) {
  const { height, width } = target;
  const context = target.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const [r, g, b, alpha = 255] = paint(y, x);
      image.data.set([r, g, b, alpha], at);
    }
  }
  context.putImageData(image, 0, 0);
}

/** Returns `(row, column) → [r, g, b]` of image `index` of (N, H, W, C) bytes. */
export function pixels({ shape, values }, index) {
  const [, height, width, channels] = shape;
  const start = index * height * width * channels;
  return (y, x) => {
    const at = start + (y * width + x) * channels;
    if (channels < 3) return [values[at], values[at], values[at]];
    return [values[at], values[at + 1], values[at + 2]];
  };
}

/** Returns the images as options of a choice: pictures with the names of their classes. */
export function thumbnails(images, names) {
  const [, height, width] = images.shape;
  return names.map((title, index) => {
    const thumb = canvas(height, width, { "aria-hidden": "true" });
    fill(thumb, pixels(images, index));
    const name = make("span", { class: "hidden" }, title);
    return { label: make("span", { class: "thumb" }, thumb, name), title };
  });
}

/** Returns a place on a circle of `size` places. */
export const wrap = (value, size) => ((value % size) + size) % size;

/** Makes a marker that `place(row, column, tall, wide)` puts on cells of a grid. */
export function marker(height, width, name = "marker") {
  const element = make("span", { class: name, "aria-hidden": "true" });
  const place = (row, column, tall = 1, wide = 1) => {
    element.style.top = `${(100 * row) / height}%`;
    element.style.left = `${(100 * column) / width}%`;
    element.style.height = `${(100 * tall) / height}%`;
    element.style.width = `${(100 * wide) / width}%`;
  };
  return { element, place };
}

/**
 * Calls `moved(row, column)` for the cell under the pointer: hovering with a mouse, a tap
 * or a drag with a finger.
 */
export function pointing(element, height, width, moved) {
  const cell = (event) => {
    const box = element.getBoundingClientRect();
    const limit = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value)));
    moved(
      limit(((event.clientY - box.top) / box.height) * height, height),
      limit(((event.clientX - box.left) / box.width) * width, width),
    );
  };
  element.addEventListener("pointerdown", cell);
  element.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" || event.pressure > 0) cell(event);
  });
}

const STEPS = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Calls `stepped(rows, columns)` for the arrow keys, and `home()` for Home. */
export function keys(element, stepped, home) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in STEPS) stepped(...STEPS[event.key]);
    else if (event.key === "Home") home();
    else return;
    event.preventDefault();
  });
}
