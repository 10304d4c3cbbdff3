// The samples of toasts: said by the page to itself, as an answer of the server would have it said.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("[data-toast-sample]")) {
    button.addEventListener("click", () => {
      const kind = button.dataset.toastSample;
      const detail = { text: button.textContent, undo: kind === "undo" ? location.pathname : "", level: kind === "error" ? "error" : "success" };
      document.body.dispatchEvent(new CustomEvent("toast", { detail }));
    });
  }
})();
