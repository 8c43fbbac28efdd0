// The metrics of several training jobs: one chart for each metric, one line for each job, which grow while jobs run.

import { json, repeatedly } from "./console.js";
import { drawLines, figureIn } from "./charts.js";

const place = document.querySelector("[data-compare]");
const figures = new Map();
/** Readings by metric, then by job. */
const charts = new Map();

/** A metric that was read once stands in the table alone. */
function drawMetric(metric) {
  if (![...charts.get(metric).values()].some((points) => points.length > 1)) return;
  if (!figures.has(metric)) figures.set(metric, figureIn(place, metric));
  drawLines(figures.get(metric), [...charts.get(metric)]);
}

for (const job of place.querySelectorAll("[data-metrics]")) {
  let positions = {};
  repeatedly(2000, async () => {
    const part = await json(job.dataset.metrics, positions);
    positions = part.positions;
    for (const [metric, points] of Object.entries(part.series)) {
      if (!charts.has(metric)) charts.set(metric, new Map());
      const before = charts.get(metric).get(job.dataset.name) ?? [];
      charts.get(metric).set(job.dataset.name, [...before, ...points]);
      drawMetric(metric);
    }
    return !part.ended;
  });
}
