// The command palette: a combobox over what the server finds. Focus stays in the field, arrows move the choice.
(() => {
  "use strict";
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const field = document.getElementById("palette-text");
  const list = document.getElementById("palette-list");
  const said = document.getElementById("palette-said");
  let asked = null;
  let timer = 0;

  const choices = () => [...list.querySelectorAll("[role=option]")];
  const chosen = () => list.querySelector("[aria-selected=true]");

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    if (!option) { field.removeAttribute("aria-activedescendant"); return; }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  }

  async function ask() {
    asked?.abort();
    asked = new AbortController();
    dialog.toggleAttribute("data-busy", true);
    try {
      const url = `${field.dataset.url}?q=${encodeURIComponent(field.value.trim())}`;
      const answer = await fetch(url, { signal: asked.signal, headers: { "HX-Request": "true" } });
      if (answer.headers.has("HX-Redirect")) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      list.innerHTML = await answer.text();
      choose(choices()[0]);
      said.textContent = String(choices().length || list.textContent.trim());
      dialog.removeAttribute("data-busy");
    } catch (error) {
      if (error.name !== "AbortError") dialog.removeAttribute("data-busy");
    }
  }

  function open() {
    field.value = "";
    dialog.showModal();
    field.focus();
    ask();
  }

  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
  field.addEventListener("keydown", (event) => {
    const all = choices();
    const at = all.indexOf(chosen());
    const move = { ArrowDown: at + 1, ArrowUp: at - 1 + (at <= 0 ? all.length : 0), Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Enter") { event.preventDefault(); chosen()?.click(); }
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && all.length) {
      event.preventDefault();
      choose(all[(move + all.length) % all.length]);
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("a[role=option]");
    if (!option) return;
    const target = new URL(option.href);
    if (target.pathname === location.pathname && target.hash) {
      event.preventDefault();
      dialog.close();
      const dialogWanted = document.querySelector(target.hash);
      if (dialogWanted instanceof HTMLDialogElement) dialogWanted.showModal();
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) open(); });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close(); else if (!document.querySelector("dialog[open]")) open();
    }
  });
})();
