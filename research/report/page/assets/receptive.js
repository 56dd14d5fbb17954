// Networks' stages and what the units of their maps see.

import { range } from "dom.js";
import { uncropped, unpack } from "pack.js";

/** Returns a network with its stages unpacked and numbered by depth. */
export function stagesOf(network, height, width) {
  let depth = 0;
  const stages = network.stages.map((stage) => {
    const samples = stage.part === "Downsample";
    depth += samples ? 0 : 1;
    return stageOf(stage, samples, Math.max(depth, 1), height, width);
  });
  return {
    arm: network.arm,
    stages,
    pools: stages.some((one) => one.pools),
    last: stages[stages.length - 1],
  };
}

function stageOf(stage, samples, depth, height, width) {
  const [rows, columns] = [unpack(stage.rows), unpack(stage.columns)];
  const [tall, wide] = [rows.shape[0], columns.shape[0]];
  const fields = uncropped(stage.fields, height, width);
  const { ys, xs } = stage;
  return {
    key: [depth, samples ? 1 : 0],
    name: `${samples ? "downsampling" : spaced(stage.part)} ${depth}`,
    examples: stage.examples,
    tall,
    wide,
    ys,
    xs,
    receptive: stage.receptive,
    stride: stage.stride,
    /** The unit that stands at a place, `[0…1, 0…1]` of the map's height and width. */
    unit(place) {
      return [nearest(ys, tall, place[0]), nearest(xs, wide, place[1])];
    },
    /** Rows and columns of the image that a unit sees, in runs. */
    seen([y, x]) {
      return {
        rows: runs(rows.values.subarray(ys[y] * height, (ys[y] + 1) * height)),
        columns: runs(columns.values.subarray(xs[x] * width, (xs[x] + 1) * width)),
      };
    },
    field: ([y, x]) => fields(y * xs.length + x),
    size: ([y, x]) => stage.sizes[y][x],
    /** How many pixels all units of the map see together. */
    covered: () => covered(rows) * covered(columns),
  };
}

function spaced(part) {
  if (part.includes("Conv")) return "conv";
  return part.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

function nearest(positions, length, part) {
  const off = (index) => Math.abs(positions[index] - part * (length - 1));
  return range(positions.length).reduce(
    (best, index) => (off(index) < off(best) ? index : best),
    0,
  );
}

/** Returns [start, length] of each run of ones. */
function runs(bits) {
  const found = [];
  bits.forEach((bit, place) => {
    if (!bit) return;
    const last = found[found.length - 1];
    if (last && last[0] + last[1] === place) last[1] += 1;
    else found.push([place, 1]);
  });
  return found;
}

function covered({ shape: [positions, pixels], values }) {
  return range(pixels).filter((pixel) =>
    range(positions).some((at) => values[at * pixels + pixel]),
  ).length;
}

export const total = (parts) => parts.reduce((sum, [, length]) => sum + length, 0);

/** Returns every depth that some network has, the shallowest first. */
export function depths(networks) {
  const found = new Map();
  for (const network of networks) {
    for (const stage of network.stages) {
      const key = stage.key.join(".");
      if (!found.has(key)) found.set(key, stage);
    }
  }
  return [...found.values()].sort((a, b) => a.key[0] - b.key[0] || a.key[1] - b.key[1]);
}

/** Returns a network's stage at a depth; its last one before where it has none there. */
export function stageAt(network, [depth, sampled]) {
  const before = network.stages.filter(
    ({ key }) => key[0] < depth || (key[0] === depth && key[1] <= sampled),
  );
  return before[before.length - 1] ?? network.stages[0];
}
