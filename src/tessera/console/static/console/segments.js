// The builder: what is typed goes to the server after a moment, what changes the form's shape at once.
(() => {
  "use strict";
  const form = document.getElementById("segment-form");
  let timer = 0;

  function send(which, wait) {
    clearTimeout(timer);
    timer = setTimeout(() => htmx.trigger(document.getElementById(which), "go"), wait);
  }

  form.addEventListener("input", (event) => {
    const field = event.target;
    if (field.id === "text") send("on-text", 400);
    else if (!field.closest("#builder-form")) return;
    else if (field.matches("input[list][data-shape]") && event.inputType !== "insertText" && event.inputType !== "deleteContentBackward") send("on-shape", 0); // chosen of the list
    else if (!field.matches("select[data-shape], input[type=checkbox]")) send("on-values", 350);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("#builder-form [data-shape]")) send("on-shape", 0);
  });
  // Enter in a field of the condition is no wish to save the segment.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("#builder-form input:not([type=checkbox])")) {
      event.preventDefault();
      send(event.target.matches("[data-shape]") ? "on-shape" : "on-values", 0);
    }
  });
  // A press on the marked place puts the cursor there.
  form.addEventListener("click", (event) => {
    const place = event.target.closest("[data-at]");
    if (!place) return;
    const text = document.getElementById("text");
    text.focus();
    text.setSelectionRange(Number(place.dataset.at), Number(place.dataset.end));
  });
})();
