// What every page needs beyond htmx: local times, copying, dialogs, menus, the theme. No inline code anywhere.
(() => {
  "use strict";

  // The reader's own variant of the page's language (en-GB writes 14:30, en-US 2:30 PM).
  // One calendar everywhere: data, files and pages without scripts write Gregorian years, th-TH alone would write Buddhist ones.
  const page = document.documentElement.lang;
  const language = navigator.languages.find((one) => one.split("-")[0] === page) || page;
  const timeZone = document.documentElement.dataset.timeZone; // none: the browser's own
  const format = (parts) => new Intl.DateTimeFormat(language, { calendar: "gregory", ...parts, ...(timeZone && { timeZone }) });
  const near = format({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const far = format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const day = format({ day: "numeric", month: "short", year: "numeric" });
  const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

  /** Rewrite moments in the reader's own zone; the title keeps UTC. */
  function localise(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(element.dateTime);
      const wanted = element.closest("[data-clock]") ? clock : at.getFullYear() === new Date().getFullYear() ? near : far;
      element.textContent = wanted.format(at);
      element.dataset.local = "";
    }
    for (const element of root.querySelectorAll("[data-day]")) element.textContent = day.format(new Date(element.dataset.day));
  }

  function grow(root) {
    for (const area of root.querySelectorAll("textarea[data-grow]")) {
      const fit = () => { area.rows = Math.min(12, Math.max(1, area.value.split("\n").length)); };
      area.addEventListener("input", fit);
      fit();
    }
  }

  async function copy(button) {
    const text = button.dataset.copy || document.querySelector(button.dataset.copyFrom).textContent;
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
    } else {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy"); // the only way on plain http
      area.remove();
      button.focus();
    }
    document.getElementById("announcer").textContent = document.body.dataset.copied;
    button.classList.add("is-done");
    setTimeout(() => button.classList.remove("is-done"), 1500);
  }

  function reveal(button) {
    const secret = document.querySelector(button.dataset.reveal);
    const open = button.getAttribute("aria-pressed") !== "true";
    secret.textContent = open ? secret.dataset.secret : secret.dataset.masked;
    button.setAttribute("aria-pressed", String(open));
  }

  function chooseTheme(theme) {
    localStorage.setItem("theme", theme);
    const dark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.classList.toggle("dark", dark);
    markTheme();
  }

  function markTheme() {
    const theme = localStorage.getItem("theme") || "auto";
    for (const button of document.querySelectorAll("[data-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.theme === theme));
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy],[data-copy-from],[data-reveal],[data-dialog],[data-close],[data-theme]");
    if (target) {
      const data = target.dataset;
      if ("copy" in data || "copyFrom" in data) copy(target);
      else if ("reveal" in data) reveal(target);
      else if ("dialog" in data) document.querySelector(data.dialog).showModal();
      else if ("close" in data) target.closest("dialog").close();
      else chooseTheme(data.theme);
    }
    for (const menu of document.querySelectorAll("details:is(.menu, .more)[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details:is(.menu, .more)[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("change", (event) => {
    const { files, dataset } = event.target;
    if (files && dataset.most) event.target.setCustomValidity(files[0]?.size > Number(dataset.most) ? dataset.tooLarge : "");
  });
  // Pressed twice is meant once. What is sent again after a while is meant again.
  const sent = new WeakMap();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (performance.now() - (sent.get(form) ?? -Infinity) < 3000) event.preventDefault();
    else sent.set(form, performance.now());
  });
  window.addEventListener("pageshow", () => { for (const form of document.forms) sent.delete(form); });
  document.addEventListener("htmx:load", (event) => { localise(event.detail.elt.parentNode || document); grow(event.detail.elt); });
  document.addEventListener("htmx:afterSettle", (event) => {
    const wanted = event.detail.elt.querySelector?.("[autofocus]");
    if (wanted) wanted.focus();
  });
  // What asks again and again rests while nobody sees the page, and catches up as soon as somebody does.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.matches('[hx-trigger*="every"]')) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll('[hx-trigger*="every"]')) htmx.trigger(element, "shown");
  });
  // “Show more” makes way for the rows it brings: who came to it by keyboard goes on at the first of them.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const place = event.detail.target;
    if (!place.matches(".table__next") || !place.contains(document.activeElement)) return;
    const last = place.previousElementSibling;
    document.addEventListener("htmx:afterSettle", () => last.nextElementSibling?.querySelector("a")?.focus(), { once: true });
  });
  localise(document);
  grow(document);
  markTheme();
})();
