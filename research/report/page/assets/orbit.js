// Predictions and probabilities of a network at every shift of an image.

import { wrap } from "grid.js";
import { unpack } from "pack.js";

/** A network's orbits: predictions and probabilities of any shift of an image. */
export function orbitOf({ arm, seed, parameters, orbit }, height, width) {
  const predictions = unpack(orbit.predictions);
  const probabilities = unpack(orbit.probabilities);
  const classes = unpack(orbit.classes);
  const [, rows, columns] = predictions.shape;
  const kept = classes.shape[1];
  const at = (image, dy, dx) => (image * rows + wrap(dy, rows)) * columns + wrap(dx, columns);
  const classesOf = (image) => classes.values.subarray(image * kept, (image + 1) * kept);
  const predicted = (image, dy, dx) => predictions.values[at(image, dy, dx)];
  const probabilitiesOf = (image, dy, dx) => {
    const start = at(image, dy, dx) * kept;
    return probabilities.values.subarray(start, start + kept);
  };
  const size = parameters === null ? "" : `${parameters.toLocaleString("en")} parameters, `;
  return {
    arm,
    told: `${size}seed ${seed}; ${orbit.method}`,
    classesOf,
    predicted,
    probabilitiesOf,
    keeps: (image, dy, dx) => predicted(image, dy, dx) === predicted(image, 0, 0),
    /** Probability of the prediction; unknown (½) where its class was not kept. */
    sureness(image, dy, dx) {
      const place = classesOf(image).indexOf(predicted(image, dy, dx));
      return place < 0 ? 0.5 : probabilitiesOf(image, dy, dx)[place] / 255;
    },
    agreement(image) {
      let same = 0;
      for (let dy = 0; dy < height; dy += 1) {
        for (let dx = 0; dx < width; dx += 1) same += this.keeps(image, dy, dx);
      }
      return same / (height * width);
    },
  };
}
