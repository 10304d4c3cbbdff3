// The card: the reader's own zone for the days of the history's filter, and what its menu of kinds says.
(() => {
  "use strict";
  for (const field of document.querySelectorAll("[data-zone]")) {
    field.value = document.documentElement.dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone || field.value;
  }
  // A picture that a phone turned into something too large is better refused before it travels.
  const picture = document.getElementById("picture");
  picture?.addEventListener("change", () => {
    const file = picture.files[0];
    picture.setCustomValidity(file && file.size > 5e6 ? document.getElementById("picture-help").textContent : "");
    picture.reportValidity();
  });
})();
