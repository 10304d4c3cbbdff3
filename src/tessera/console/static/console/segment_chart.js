// A segment's size over time, drawn by Chart.js from the numbers that stand in the page.
(() => {
  "use strict";
  const canvas = document.getElementById("size-chart");
  if (!canvas) return;
  const points = JSON.parse(document.getElementById("size-points").textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const timeZone = document.documentElement.dataset.timeZone;
  const page = document.documentElement.lang;
  const language = navigator.languages.find((one) => one.split("-")[0] === page) || page;
  const format = (parts) => new Intl.DateTimeFormat(language, { calendar: "gregory", ...parts, ...(timeZone && { timeZone }) });
  const at = points.at.map((one) => Date.parse(one));
  const whole = format({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const short = at.at(-1) - at[0] < 2 * 86_400_000 ? format({ weekday: "short", hour: "2-digit", minute: "2-digit" }) : format({ day: "numeric", month: "short" });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  const chart = new Chart(canvas, {
    type: "line",
    data: { datasets: [{ label: canvas.dataset.label, data: at.map((x, n) => ({ x, y: points.size[n] })), stepped: true, fill: true, borderWidth: 2, pointRadius: at.length > 20 ? 0 : 3, pointHitRadius: 10 }] },
    options: {
      animation: still ? false : { duration: 300 },
      maintainAspectRatio: false,
      plugins: { legend: { display: false }, tooltip: { callbacks: { title: ([one]) => whole.format(one.parsed.x) } } },
      scales: {
        x: { type: "linear", min: at[0], max: at.at(-1), ticks: { count: 4, maxRotation: 0, align: "inner", callback: (x) => short.format(x) } },
        y: { beginAtZero: true, ticks: { precision: 0, maxTicksLimit: 6 } },
      },
    },
  });

  function paint() {
    const [line] = chart.data.datasets;
    line.borderColor = line.pointBackgroundColor = line.pointBorderColor = colour("--brand");
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
