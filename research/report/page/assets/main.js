// Reads the page's data and starts what it is for.

import { fieldExplorer } from "fields.js";
import { planeExplorer } from "plane.js";
import { shiftExplorer } from "shifts.js";
import { openVerdicts } from "verdicts.js";

export function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const place = (name) => document.querySelector(`[data-explorer=${name}]`);
  openVerdicts();
  if (data.sets.length) shiftExplorer(place("shifts"), data.sets);
  const staged = data.sets
    .map((set) => ({ ...set, networks: set.networks.filter((one) => one.stages.length) }))
    .filter((set) => set.networks.length);
  if (staged.length) fieldExplorer(place("fields"), staged);
  if (data.planes.length) planeExplorer(place("plane"), data.planes);
  document.documentElement.dataset.ready = "true";
}
