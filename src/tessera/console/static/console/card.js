// The card: the reader's own zone for the days of the history's filter, and what its menu of kinds says.
(() => {
  "use strict";
  for (const field of document.querySelectorAll("[data-zone]")) {
    field.value = document.documentElement.dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone || field.value;
  }
})();
