// The page of one job: its metrics grow, and a tuning job's training jobs are drawn.

import { json, repeatedly } from "./console.js";
import { colourOf, draw, drawLines, figureIn, subject } from "./charts.js";

function followMetrics(place) {
  const series = new Map();
  const figures = new Map();
  let positions = {};
  repeatedly(1500, async () => {
    const part = await json(place.dataset.metrics, positions);
    positions = part.positions;
    const changed = new Set();
    for (const [metric, points] of Object.entries(part.series)) {
      series.set(metric, [...(series.get(metric) ?? []), ...points]);
      changed.add(subject(metric));
    }
    for (const name of changed) {
      if (!figures.has(name)) figures.set(name, figureIn(place, name));
      const lines = [...series].filter(([metric]) => subject(metric) === name);
      drawLines(figures.get(name), lines, part.started_ms);
    }
    document.querySelector("[data-no-metrics]").hidden = figures.size > 0;
    return !part.ended;
  });
}

/** Two charts of what the job's processes use while somebody watches. The section is hidden until there is something to show. */
function followUsage(section) {
  const place = section.querySelector(".charts");
  const readings = { "processor, % of one core": [], "resident memory, MB": [] };
  const figures = Object.keys(readings).map((title) => figureIn(place, title));
  let before = null;
  repeatedly(1000, async () => {
    const now = await json(section.dataset.usage);
    if (now.processes && before?.processes) {
      const percent = (100 * Math.max(0, now.cpu_s - before.cpu_s)) / (now.at - before.at);
      Object.values(readings)[0].push([now.at * 1000, percent]);
      Object.values(readings)[1].push([now.at * 1000, now.resident_bytes / 1e6]);
      section.hidden = false;
      Object.entries(readings).forEach(([title, points], index) => drawLines(figures[index], [[title, points]], points[0][0]));
    }
    before = now;
    return !now.ended;
  });
}

function followTrials(place) {
  const objective = figureIn(place, "objective over training jobs");
  const parallel = figureIn(place, "hyperparameters and objective");
  let before = "";
  repeatedly(2000, async () => {
    const tuning = await json(place.dataset.trials);
    const ended = tuning.trials.filter((trial) => trial.objective !== null);
    const state = JSON.stringify(tuning);
    if (state !== before && ended.length) {
      drawObjective(objective, tuning, ended);
      drawParallel(parallel, tuning, ended);
    }
    before = state;
    return !tuning.ended;
  });
}

function drawObjective(figure, tuning, ended) {
  const best = [];
  for (const { objective } of ended) {
    const better = tuning.goal === "Maximize" ? Math.max : Math.min;
    best.push(best.length ? better(best.at(-1), objective) : objective);
  }
  const numbers = ended.map((trial) => trial.number);
  const traces = () => [
    { name: tuning.metric, x: numbers, y: ended.map((trial) => trial.objective), text: ended.map((trial) => trial.name), mode: "markers", marker: { size: 8, color: colourOf(0) } },
    { name: "best so far", x: numbers, y: best, mode: "lines", line: { shape: "hv", color: colourOf(1) } },
  ];
  figure.setAttribute("aria-label", `Chart of the objective of ${ended.length} training jobs. Best: ${best.at(-1)}`);
  draw(figure, traces, { xaxis: { title: { text: "training job", standoff: 4 }, tickformat: "d" } });
}

/** Parallel coordinates as lines: each hyperparameter is an axis from its lowest to its highest value, words in their order. */
function drawParallel(figure, tuning, ended) {
  const rows = ended.map((trial) => ({ ...trial.tuned, [tuning.metric]: trial.objective }));
  const names = [...tuning.tuned, tuning.metric];
  const scales = Object.fromEntries(names.map((name) => [name, scaleOf(rows.map((row) => row[name]))]));
  const objectives = ended.map((trial) => trial.objective);
  const [low, high] = [Math.min(...objectives), Math.max(...objectives)];
  const goodness = (value) => (high === low ? 1 : tuning.goal === "Maximize" ? (value - low) / (high - low) : (high - value) / (high - low));
  const traces = () =>
    rows.map((row, index) => ({
      name: ended[index].name,
      x: names,
      y: names.map((name) => scales[name](row[name])),
      text: names.map((name) => `${name} = ${row[name]}`),
      hoverinfo: "name+text",
      mode: "lines+markers",
      opacity: 0.25 + 0.75 * goodness(ended[index].objective),
      line: { width: ended[index].number === tuning.best ? 4 : 1.5, color: colourOf(ended[index].number === tuning.best ? 1 : 0) },
    }));
  figure.setAttribute("aria-label", `Parallel coordinates of ${names.join(", ")}; the table below has the values`);
  draw(figure, traces, { showlegend: false, hovermode: "closest", yaxis: { showticklabels: false, range: [-0.05, 1.05] } });
}

function scaleOf(values) {
  const numbers = values.map(Number);
  if (numbers.every(Number.isFinite)) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    return (value) => (high === low ? 0.5 : (Number(value) - low) / (high - low));
  }
  const words = [...new Set(values)].sort();
  return (value) => (words.length < 2 ? 0.5 : words.indexOf(value) / (words.length - 1));
}

document.querySelectorAll("[data-metrics]").forEach(followMetrics);
document.querySelectorAll("[data-usage]").forEach(followUsage);
document.querySelectorAll("[data-trials]").forEach(followTrials);
