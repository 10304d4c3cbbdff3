// Reports: charts drawn by Chart.js from the figures that stand in the page, and the form's small conveniences.
(() => {
  "use strict";
  const drawn = new Map();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const numbers = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];
  const POINTS = ["circle", "rect", "triangle", "rectRot"];

  function painted(number) {
    const ours = colour(`--chart-${(number % 8) + 1}`);
    return { borderColor: ours, backgroundColor: ours, pointBackgroundColor: ours, pointBorderColor: ours };
  }

  function dataset(one, number, chart) {
    const few = chart.labels.length <= 60;
    return {
      label: one.label,
      data: one.values,
      ...painted(number),
      borderWidth: chart.type === "line" ? 2 : 0,
      borderDash: DASHES[Math.floor(number / 4) % DASHES.length],
      pointStyle: POINTS[number % POINTS.length],
      pointRadius: few ? 3 : 0,
      pointHitRadius: 8,
      borderRadius: 3,
      maxBarThickness: 72,
    };
  }

  function draw(canvas) {
    const chart = JSON.parse(canvas.dataset.chart);
    const written = (value) => numbers.format(chart.stacked ? Math.abs(value) : value) + (chart.percent ? " %" : "");
    const values = { beginAtZero: true, stacked: Boolean(chart.stacked), ticks: { callback: written, maxTicksLimit: 6, ...(chart.percent ? {} : { precision: 0 }) } };
    const labels = { stacked: Boolean(chart.stacked), ticks: { maxRotation: 0, autoSkipPadding: 12 } };
    const axis = chart.sideways ? "x" : "y";
    const made = new Chart(canvas, {
      type: chart.type,
      data: { labels: chart.labels, datasets: chart.datasets.map((one, number) => dataset(one, number, chart)) },
      options: {
        animation: still ? false : { duration: 250 },
        maintainAspectRatio: false,
        indexAxis: chart.sideways ? "y" : "x",
        interaction: { mode: "index", intersect: false, axis: chart.sideways ? "y" : "x" },
        plugins: {
          colors: { enabled: false },
          legend: { display: chart.datasets.length > 1, position: "bottom", labels: { usePointStyle: true, boxHeight: 7 } },
          tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${written(item.parsed[axis])}` } },
        },
        scales: chart.sideways ? { x: values, y: { ...labels, ticks: { autoSkip: false } } } : { x: labels, y: values },
      },
    });
    drawn.set(canvas, made);
    paint(made);
  }

  function paint(chart) {
    chart.data.datasets.forEach((one, number) => Object.assign(one, painted(number)));
    for (const scale of Object.values(chart.options.scales)) {
      scale.grid = { color: colour("--line"), display: Boolean(scale.beginAtZero) };
      scale.ticks.color = colour("--quiet");
    }
    chart.options.plugins.legend.labels.color = colour("--ink");
    chart.update("none");
  }

  function drawAll() {
    for (const [canvas, chart] of drawn) {
      if (!canvas.isConnected) {
        chart.destroy();
        drawn.delete(canvas);
      }
    }
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) if (!drawn.has(canvas)) draw(canvas);
  }

  function prepare(form) {
    // An address says what was typed, not what was left empty.
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    });
    window.addEventListener("pageshow", () => { for (const field of form.elements) field.disabled = false; });
    const more = form.querySelector("[data-more-steps]");
    if (!more) return;
    const next = () => form.querySelector(".steps-asked > li[hidden]");
    more.hidden = !next();
    more.addEventListener("click", () => {
      const step = next();
      step.hidden = false;
      step.querySelector("input").focus();
      more.hidden = !next();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    document.querySelectorAll("[data-report-form]").forEach(prepare);
    drawAll();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    event.target.removeAttribute("aria-busy");
    drawAll();
  });
  new MutationObserver(() => drawn.forEach(paint)).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
})();
