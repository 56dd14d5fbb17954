// Opening a verdict by its link, putting in its figures, copying its command.

import { make } from "dom.js";

export function openVerdicts(figures) {
  for (const verdict of document.querySelectorAll("details.verdict")) {
    verdict.addEventListener("toggle", () => illustrate(verdict, figures));
  }
  addEventListener("hashchange", open);
  open();
  for (const link of document.querySelectorAll(".tiles a")) {
    link.addEventListener("click", () => setTimeout(open)); // the same one again
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button));
  }
}

function open() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  }
}

function illustrate(verdict, figures) {
  for (const place of verdict.querySelectorAll("figure[data-figure]:empty")) {
    const { figure, alt } = place.dataset;
    place.append(make("img", { src: figures[figure], alt }));
  }
}

async function copy(button) {
  const text = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(text); // not allowed: one key is left to press
    button.textContent = "Selected";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1500);
}
