// Elements, choices and text that all explorers share.

/** Makes an element: attributes, `on…` listeners, children (text or elements). */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

let groups = 0;

/**
 * Makes a group of choices that look like buttons: radio buttons, or check boxes.
 *
 * @param legend what is chosen.
 * @param options of each: label (text or element), and title.
 * @param chosen a Set of places; one alone for radio buttons. It is changed in place.
 * @param several whether any number may be chosen, but never none.
 * @param changed called after each change.
 */
export function choices({ legend, options, chosen, several = false, changed, kind = "" }) {
  groups += 1;
  const name = `choice-${groups}`;
  const inputs = [];
  const pick = (place) => () => {
    if (!several) chosen.clear();
    if (inputs[place].checked) chosen.add(place);
    else if (chosen.size > 1) chosen.delete(place);
    else inputs[place].checked = true;
    changed();
  };
  const items = options.map(({ label, title }, place) => {
    const input = make("input", {
      type: several ? "checkbox" : "radio",
      name,
      value: place,
      onchange: pick(place),
    });
    input.checked = chosen.has(place);
    inputs.push(input);
    return make("label", { class: "choice", title }, input, make("span", {}, label));
  });
  return make(
    "fieldset",
    { class: `choices ${kind}` },
    make("legend", {}, legend),
    make("div", {}, ...items),
  );
}

/** Makes a list to choose one of, or nothing where there is only one. */
function menu(label, options, changed) {
  if (options.length < 2) return null;
  const items = options.map((option, place) => make("option", { value: place }, option));
  const select = make("select", { onchange: () => changed(Number(select.value)) }, ...items);
  return make("label", { class: "menu" }, label, select);
}

/** Fills a place with `explorer(set)` of the set chosen of several. */
export function perSet(place, sets, explorer, label = "Data", title = (set) => set.data) {
  const body = make("div");
  const show = (index) => body.replaceChildren(explorer(sets[index]));
  place.append(...[menu(label, sets.map(title), show), body].filter(Boolean));
  show(0);
}

/** Makes a line that a screen reader reads when it has not changed for a moment. */
export function announcer() {
  const output = make("output", { class: "hidden", "aria-live": "polite" });
  let timer = 0;
  const say = (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      output.textContent = text;
    }, 350);
  };
  return { output, say };
}

/** Calls back when colours change from light to dark or back. */
export function onTheme(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

/** Returns `[r, g, b]` of a colour of the style sheet, such as `--keep`. */
export function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

/** Returns a colour between two: `part` 0 is the first. */
export function mix(first, second, part) {
  return first.map((value, i) => value + part * (second[i] - value));
}

export const percent = (part, digits = 0) => `${(100 * part).toFixed(digits)} %`;

/** Returns 0 … n − 1. */
export const range = (n) => Array.from({ length: n }, (_, i) => i);

/** Returns `a, b and c`. */
export function listed(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}
