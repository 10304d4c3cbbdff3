// A segment's size over time, drawn by Chart.js from the numbers that stand in the page.
(() => {
  "use strict";
  const canvas = document.getElementById("size-chart");
  if (!canvas) return;
  const points = JSON.parse(document.getElementById("size-points").textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const timeZone = document.documentElement.dataset.timeZone;
  const days = new Intl.DateTimeFormat(document.documentElement.lang, { calendar: "gregory", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", ...(timeZone && { timeZone }) });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const said = points.at.map((at) => days.format(new Date(at)));
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  const chart = new Chart(canvas, {
    type: "line",
    data: { labels: said, datasets: [{ label: canvas.dataset.label, data: points.size, stepped: true, fill: true, borderWidth: 2, pointRadius: points.size.length > 60 ? 0 : 3 }] },
    options: {
      animation: still ? false : { duration: 300 },
      maintainAspectRatio: false,
      plugins: { legend: { display: false } },
      scales: { y: { beginAtZero: true, ticks: { precision: 0 } }, x: { ticks: { maxTicksLimit: 6, maxRotation: 0 } } },
    },
  });

  function paint() {
    const [line] = chart.data.datasets;
    line.borderColor = line.pointBackgroundColor = colour("--brand");
    line.backgroundColor = colour("--brand-soft");
    for (const axis of Object.values(chart.options.scales)) {
      axis.grid = { color: colour("--line") };
      axis.ticks.color = colour("--quiet");
    }
    chart.update("none");
  }
  new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  paint();
})();
