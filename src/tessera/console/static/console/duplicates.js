// The review by keys: a letter presses the button or follows the link that names it in aria-keyshortcuts.
(() => {
  "use strict";

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.repeat || event.defaultPrevented) return;
    if (event.target.closest("input:not([type='radio']), textarea, select, dialog, [contenteditable]")) return;
    if (!/^[a-z]$/.test(event.key)) return;
    const wanted = document.querySelector(`main [aria-keyshortcuts="${event.key}"]`);
    if (!wanted) return;
    event.preventDefault();
    wanted.click();
  });
})();
