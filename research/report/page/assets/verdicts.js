// Opening what a link points into, copying a command.

export function openVerdicts() {
  addEventListener("hashchange", open);
  open();
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button));
  }
}

function open() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target) return;
  const around = target.closest("details");
  if (around && !around.open) {
    around.open = true;
    target.scrollIntoView();
  }
  if (target.tabIndex < 0) target.focus({ preventScroll: true });
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
