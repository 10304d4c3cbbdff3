// Keyboard shortcuts. Single letters can be switched off (WCAG 2.1.4) and never act while one types.
// A page has letters of its own by `aria-keyshortcuts` on its buttons and links.
(() => {
  "use strict";
  const dialog = document.getElementById("shortcuts");
  if (!dialog) return;
  const toggle = document.getElementById("shortcuts-on");
  const on = () => localStorage.getItem("shortcuts") !== "off";
  toggle.checked = on();
  toggle.addEventListener("change", () => localStorage.setItem("shortcuts", toggle.checked ? "on" : "off"));

  const ways = new Map();
  for (const link of document.querySelectorAll("a[data-keys]")) ways.set(link.dataset.keys, link.href);
  let first = "";
  let timer = 0;

  const typing = (target) => target.isContentEditable || target.matches?.("input:not([type=radio], [type=checkbox]), textarea, select");

  /** What the page itself has on this letter. */
  const own = (key) => (/^[a-z]$/.test(key) ? document.querySelector(`main [aria-keyshortcuts="${key}"]`) : null);

  /** The links of the page's list, one per row. */
  function rows() {
    const table = document.querySelector("main .table, main [data-rows]");
    return table ? [...table.querySelectorAll("tbody tr, [data-row]")].map((row) => row.querySelector("a")).filter(Boolean) : [];
  }

  function step(by) {
    const links = rows();
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !on()) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key;
    const way = ways.get(first ? `${first} ${key}` : key);
    if (way) { event.preventDefault(); location.assign(way); return; }
    const alone = first === "";
    first = "";
    clearTimeout(timer);
    if (key === "g") { first = "g"; timer = setTimeout(() => { first = ""; }, 1200); return; }
    if (key === "?") { event.preventDefault(); dialog.showModal(); }
    else if (key === "j") step(1);
    else if (key === "k") step(-1);
    else if (key === "/") {
      const field = document.querySelector("main input[type=search]");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    } else if (alone && !event.repeat && !event.shiftKey && own(key)) { event.preventDefault(); own(key).click(); }
  });
})();
