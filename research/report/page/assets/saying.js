// The card of one network in the shift explorer.

import { colour, make, mix, percent } from "dom.js";
import { canvas, fill, marker, pointing } from "grid.js";

/** What one network says: its map over all shifts, its prediction, its probabilities. */
export function card(network, { height, width, home, go, label }) {
  const map = canvas(height, width, { role: "img" });
  const cross = marker(height, width);
  const pad = make("div", { class: "pad small" }, map, cross.element);
  pointing(pad, height, width, go);
  const says = make("b", { class: "says" });
  const sure = make("span", { class: "sure" });
  const agrees = make("p", { class: "agrees" });
  const bars = make("div", { class: "bars", role: "img" });
  const element = make(
    "article",
    { class: "card" },
    make("h3", {}, network.arm),
    make("p", { class: "fine" }, network.told),
    make("div", { class: "row" }, pad, make("div", { class: "answer" }, says, sure, agrees)),
    bars,
  );

  function paint(image) {
    const [paper, keep, flip] = [colour("--card"), colour("--keep"), colour("--flip")];
    fill(map, (row, column) => {
      const shift = [row - home[0], column - home[1]];
      const sureness = network.sureness(image, ...shift);
      return mix(paper, network.keeps(image, ...shift) ? keep : flip, 0.25 + 0.75 * sureness);
    });
    const told = `${percent(network.agreement(image), 1)} of all shifts`;
    agrees.replaceChildren("keeps it at ", make("b", {}, told));
    map.setAttribute("aria-label", `${network.arm}: keeps its prediction at ${told}`);
    bars.replaceChildren(
      ...Array.from(network.classesOf(image), (index) =>
        make(
          "div",
          { class: "bar", title: label(index) },
          make("div", { class: "well" }, make("i"), make("u")),
          make("span", {}, label(index)),
        ),
      ),
    );
  }

  function update(image, dy, dx, truth) {
    cross.place(dy + home[0], dx + home[1]);
    const prediction = network.predicted(image, dy, dx);
    const keeps = network.keeps(image, dy, dx);
    const sureness = network.sureness(image, dy, dx);
    element.classList.toggle("flips", !keeps);
    says.textContent = label(prediction);
    sure.textContent = `${percent(sureness)}${prediction === truth ? "" : ", wrong"}`;
    const now = network.probabilitiesOf(image, dy, dx);
    const before = network.probabilitiesOf(image, 0, 0);
    network.classesOf(image).forEach((index, place) => {
      const bar = bars.children[place];
      const [filled, line] = bar.firstChild.children;
      filled.style.height = `${now[place] / 2.55}%`;
      line.style.bottom = `${before[place] / 2.55}%`;
      bar.classList.toggle("top", index === prediction);
      bar.classList.toggle("truth", index === truth);
    });
    const said = `${network.arm}: ${label(prediction)}, ${percent(sureness)}`;
    bars.setAttribute("aria-label", `Probabilities. ${said}`);
    return said;
  }

  return { element, network, paint, update };
}
