// Rows of buttons of which one is chosen, by pointer or by arrow keys.

// choices makes buttons a choice; state is the attribute that says which is chosen. It returns what
// chooses one.
export function choices(buttons, state, choose) {
  const select = (button) => {
    for (const b of buttons) {
      b.setAttribute(state, String(b === button));
      b.tabIndex = b === button ? 0 : -1;
    }
    choose(button);
  };
  for (const button of buttons) {
    button.tabIndex = button.getAttribute(state) === "true" ? 0 : -1;
    button.addEventListener("click", () => select(button));
    button.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key];
      const usable = buttons.filter((b) => !b.disabled);
      if (!step) return;
      e.preventDefault();
      e.stopPropagation();
      const next = usable[(usable.indexOf(button) + step + usable.length) % usable.length];
      next.focus();
      select(next);
    });
  }
  return select;
}
