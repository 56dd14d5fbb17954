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
    return {
      arm: network.arm,
      stage,
      stride: stage.stride[0],
      pixels,
      whole,
      size,
      looks: stage.size(unit),
      covered: stage.covered(),
    };
  });
  const sizes = each(told, (one) => [
    make("b", {}, one.size),
    one.whole ? "" : ` (${percent(one.pixels / all)})`,
  ]);
  const looks = told.map(({ looks: side }) => `${side.toFixed(1)}×${side.toFixed(1)}`);
  return [
    make(
      "p",
      {},
      `${lead(told)} of the ${height}×${width} pixels, one in the middle of the last map can see `,
      ...sizes,
      `, and looks at ${listed(looks)}. Together, the units of that map see `,
      ...each(told, (one) => [`${percent(one.covered / all)} of the pixels`]),
      ".",
    ),
    make("p", {}, ...reason(told)),
  ];
}

/** Returns the short answer, where these networks bear it out. */
function lead(told) {
  const [finest, coarsest] = [Math.min, Math.max].map((end) =>
    end(...told.map((one) => one.stride)),
  );
  const sees = (stride) => told.filter((one) => one.stride === stride).map((one) => one.pixels);
  const less = Math.max(...sees(finest)) < Math.min(...sees(coarsest));
  return less ? "Each unit sees less of it:" : "By what a unit sees:";
}

function reason(told) {
  const views = ({ stage }) => stage.tall * stage.wide;
  return [
    "A k×k window adds (k − 1) times the distance between neighbouring units to what is seen, ",
    "and sampling by 2 doubles that distance: a 3×3 convolution widens the field by 2 pixels ",
    "before any pooling, by 4 after one and by 8 after two. On the last map the distance is ",
    ...each(told, (one) => [`${one.stride} px`]),
    ". What lies too far apart for one unit meets in the readout alone, which gets ",
    ...each(told, (one) => [`${views(one).toLocaleString("en")} views`]),
    ".",
  ];
}

/** Returns `… in A, … in B and … in C`, as text and elements. */
function each(told, tell) {
  return told.flatMap((one, index) => {
    const before = index === 0 ? "" : index === told.length - 1 ? " and " : ", ";
    return [before, ...tell(one), " in ", make("b", {}, one.arm)];
  });
}
