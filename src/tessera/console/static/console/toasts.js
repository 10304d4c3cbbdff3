// Toasts: they leave by themselves after a while, but not while looked at, and never when they tell of a failure.
(() => {
  "use strict";
  const list = document.getElementById("toasts");
  const pattern = document.getElementById("toast-template");
  if (!list || !pattern) return;
  const STAY = 8000;
  const WITH_UNDO = 20000;

  function live(toast) {
    toast.querySelector("[data-toast-close]").addEventListener("click", () => close(toast));
    if (toast.classList.contains("toast--error")) return;
    const stay = toast.querySelector("form:not([hidden])") ? WITH_UNDO : STAY;
    let timer = setTimeout(() => close(toast), stay);
    const hold = () => clearTimeout(timer);
    const go = () => { clearTimeout(timer); timer = setTimeout(() => close(toast), stay); };
    for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, hold);
    for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, go);
  }

  function close(toast) {
    const focused = toast.contains(document.activeElement);
    toast.remove();
    if (focused) document.getElementById("content").focus();
  }

  function show({ text, undo, level }) {
    const toast = pattern.content.firstElementChild.cloneNode(true);
    toast.classList.add(`toast--${level}`);
    toast.querySelector(".icon").textContent = level === "error" ? "error" : level === "success" ? "check_circle" : "info";
    toast.children[1].textContent = text;
    const form = toast.querySelector("form");
    if (undo) { form.action = undo; form.hidden = false; }
    list.append(toast);
    live(toast);
  }

  document.addEventListener("click", (event) => {
    const sample = event.target.closest("[data-toast-sample]");
    if (sample) show({ text: sample.textContent, undo: "", level: "success" });
  });
  document.body.addEventListener("toast", (event) => show(event.detail));
  for (const toast of list.children) live(toast);
})();
