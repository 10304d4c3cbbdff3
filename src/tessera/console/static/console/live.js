// The live debugger: asks for what is new every 1.5 s while the page is seen and not paused, and keeps 200 rows.
(() => {
  "use strict";
  const EVERY = 1500;
  const KEPT = 200;
  const list = document.getElementById("live-rows");
  const empty = document.getElementById("live-empty");
  const button = document.getElementById("live-pause");
  const state = document.getElementById("live-state");
  const form = document.getElementById("live-filter");
  let paused = false;
  let busy = false;

  const newest = () => {
    const first = list.querySelector("[data-cursor]");
    return first ? first.dataset.cursor : list.dataset.start;
  };

  function show() {
    const wording = paused ? "paused" : "running";
    state.textContent = state.dataset[wording];
    state.classList.toggle("is-live", !paused);
    button.setAttribute("aria-pressed", String(paused));
    button.querySelector("[data-label]").textContent = button.dataset[paused ? "resume" : "pause"];
    button.querySelector(".icon").textContent = paused ? "play_arrow" : "pause";
  }

  function trim() {
    for (const row of [...list.children].slice(KEPT)) row.remove();
    empty.hidden = list.children.length > 0;
  }

  /** The server looks back a little; what is here already stays as it is, opened rows too. */
  function onlyNew(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const row of page.querySelectorAll("li[id]")) if (document.getElementById(row.id)) row.remove();
    return page.body.innerHTML;
  }

  list.addEventListener("htmx:configRequest", (event) => { event.detail.parameters.after = newest(); });
  list.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig.elt !== list || event.detail.xhr.status !== 200) return;
    event.detail.serverResponse = onlyNew(event.detail.serverResponse);
    event.detail.shouldSwap = event.detail.serverResponse.trim() !== "";
  });
  list.addEventListener("htmx:afterRequest", () => { busy = false; });
  document.body.addEventListener("htmx:afterSwap", trim);
  document.body.addEventListener("htmx:sendError", () => { busy = false; state.textContent = state.dataset.away; });
  button.addEventListener("click", () => { paused = !paused; show(); });
  form.addEventListener("submit", (event) => event.preventDefault());

  setInterval(() => {
    if (paused || busy || document.hidden) return;
    busy = true;
    htmx.trigger(list, "tick");
    show();
  }, EVERY);
  show();
  trim();
})();
