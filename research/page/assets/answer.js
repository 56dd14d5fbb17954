// The question that everything started from, answered for the networks at hand.

import { listed, make, percent } from "dom.js";
import { total } from "receptive.js";

/** Returns paragraphs with the numbers of these networks. */
export function answer(networks, height, width) {
  const all = height * width;
  const told = networks.map((network) => {
    const stage = network.last;
    const unit = stage.unit([0.5, 0.5]);
    const { rows, columns } = stage.seen(unit);
    const pixels = total(rows) * total(columns);
    const whole = stage.receptive.includes(null);
    const size = whole ? "the whole image" : `${total(rows)}×${total(columns)}`;
    return { arm: network.arm, stage, pixels, whole, size, looks: stage.size(unit), covered: stage.covered() };
  });
  const sees = told.map((one) => [make("b", {}, one.size), one.whole ? "" : ` (${percent(one.pixels / all)})`, " in ", make("b", {}, one.arm)]);
  const first = make(
    "p",
    {},
    `Not by hiding pixels: together, the units of the last map see ${coverage(told, all)}. `,
    `By how much one unit sees: of the ${height}×${width} pixels, one in the middle of that map can see `,
    ...joined(sees),
    `. It looks at ${listed(told.map((one) => `${one.looks.toFixed(1)}×${one.looks.toFixed(1)}`))}.`,
  );
  return [first, make("p", {}, ...reason(told))];
}

function coverage(told, all) {
  if (told.every((one) => one.covered === all)) return "all of them";
  return listed(told.map((one) => `${percent(one.covered / all)} in ${one.arm} (${one.stage.tall}×${one.stage.wide} units)`));
}

function reason(told) {
  const most = told.reduce((a, b) => (b.stage.tall > a.stage.tall ? b : a));
  const least = told.reduce((a, b) => (b.stage.tall < a.stage.tall ? b : a));
  const rule = "A k×k window adds (k − 1) × the distance between neighbouring units to what is seen, and every sampling by 2 doubles that distance: a 3×3 convolution widens the field by 2 pixels before any pooling, by 4 after one and by 8 after two.";
  if (most.stage.tall === least.stage.tall) return [rule];
  const units = most.stage.tall * most.stage.wide;
  return [
    `${rule} Without sampling the distance stays 1, and what lies further apart meets in the readout alone: in `,
    make("b", {}, most.arm),
    ` it gets ${units.toLocaleString("en")} small views, in `,
    make("b", {}, least.arm),
    ` ${(least.stage.tall * least.stage.wide).toLocaleString("en")} larger ones.`,
  ];
}

function joined(parts) {
  return parts.flatMap((part, index) => {
    const before = index === 0 ? "" : index === parts.length - 1 ? " and " : ", ";
    return [before, ...part];
  });
}
