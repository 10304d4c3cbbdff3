// The builder: what is typed goes to the server after a moment, what changes the form's shape at once.
(() => {
  "use strict";
  const form = document.getElementById("segment-form");
  const text = () => document.getElementById("text");
  const isRead = () => text().value === form.elements.text_was.value;
  let timer = 0;
  let edits = 0; // what somebody has done since the page came
  let drawing = null; // the request that draws the form anew
  let owed = null; // who asked for that and was not answered
  let unsaved = form.querySelector(".note--error, .field--wrong") !== null; // it comes back from being sent

  function send(which, wait) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (which === "on-values" && drawing) return; // its answer will be behind, and is asked for again with this
      const due = owed?.isConnected ? owed : document.getElementById(which === "on-values" && !isRead() ? "on-shape" : which);
      owed = null;
      htmx.trigger(due, due.tagName === "SPAN" ? "go" : "click");
    }, wait);
  }

  form.addEventListener("input", (event) => {
    const field = event.target;
    unsaved = true;
    if (field.id !== "text" && !field.closest("#builder-form")) return;
    edits += 1;
    document.getElementById("ask").replaceChildren(); // who has not been counted yet need not be
    if (field.id === "text") send("on-text", 400);
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
    text().focus();
    text().setSelectionRange(Number(place.dataset.at), Number(place.dataset.end));
  });

  const isBuilding = (detail) => detail.pathInfo.requestPath === form.dataset.build;
  document.addEventListener("htmx:beforeSend", (event) => {
    const { xhr, elt } = event.detail;
    if (!isBuilding(event.detail)) return;
    clearTimeout(timer); // all there is goes with this one
    xhr.edits = edits;
    unsaved = true;
    if (elt.id !== "on-values") drawing = xhr;
    xhr.addEventListener("loadend", () => { if (drawing === xhr) drawing = null; });
  });
  // An answer that is behind what was done since then would take it back: it is asked for again instead.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target, requestConfig: { elt } } = event.detail;
    if (!isBuilding(event.detail)) {
      if (target.matches("#count, #details") && !elt.isConnected) event.detail.shouldSwap = false;
    } else if (xhr.edits !== edits) {
      event.detail.shouldSwap = false;
      if (elt.id !== "on-values") owed = elt;
      send("on-values", 350);
    }
  });

  form.addEventListener("submit", () => { unsaved = false; });
  document.querySelector("[data-leave]").addEventListener("click", () => { unsaved = false; });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  // A browser that comes back fills in the text it remembers, but not the form.
  window.addEventListener("pageshow", () => { if (!isRead()) send("on-text", 0); });
})();
