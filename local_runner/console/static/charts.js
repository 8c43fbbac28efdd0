// Charts in the colours of the page, drawn by plotly, which the page loads before this module.

const PALETTE = {
  light: ["#1f6f5c", "#c4541a", "#2f5fb3", "#a0307f", "#7a6400", "#5b4fb0", "#b3261e", "#3d7a1f"],
  dark: ["#5cc2a8", "#ff9d66", "#8ab4ff", "#f28fd0", "#e0c547", "#b3a7ff", "#ff8a80", "#9bd36f"],
};
const dark = matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function colourOf(index) {
  const colours = PALETTE[dark.matches ? "dark" : "light"];
  return colours[index % colours.length];
}

/** The layout that all charts share. `more` overrides it. */
function layout(more) {
  const axis = { gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line"), automargin: true };
  return {
    font: { color: colour("--muted"), size: 12, family: "system-ui, DejaVu Sans, sans-serif" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 48, r: 12, t: 8, b: 36 },
    height: 240,
    showlegend: more.showlegend ?? true,
    legend: { orientation: "h", y: -0.25 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: colour("--surface"), bordercolor: colour("--line"), font: { color: colour("--text") } },
    ...more,
    xaxis: { ...axis, ...more.xaxis },
    yaxis: { ...axis, ...more.yaxis },
  };
}

/** Draw a chart or draw it again; also when the colours of the page change. */
export function draw(figure, traces, more = {}) {
  const options = { displayModeBar: false };
  const show = () => Plotly.react(figure, traces(), layout(more), options);
  const isNew = !figure.show;
  figure.show = show;
  const drawn = show();
  if (isNew) {
    dark.addEventListener("change", () => figure.show());
    new ResizeObserver(() => Plotly.Plots.resize(figure)).observe(figure); // a chart beside it makes it narrower
  }
  return drawn;
}

/** A figure with a title, and what it shows in words for who cannot see it. */
export function figureIn(parent, title) {
  const figure = document.createElement("figure");
  figure.className = "chart";
  const caption = document.createElement("figcaption");
  caption.textContent = title;
  const area = document.createElement("div");
  area.setAttribute("role", "img");
  area.setAttribute("aria-label", `Chart of ${title}`);
  figure.append(caption, area);
  parent.append(figure);
  return area;
}

/** Lines of `[name, [[milliseconds, value], …]]` over the seconds since `start`, or over the number of the reading. */
export function drawLines(figure, lines, start) {
  const traces = () =>
    lines.map(([name, points], index) => ({
      name,
      x: points.map(([at], number) => (start ? (at - start) / 1000 : number + 1)),
      y: points.map(([, value]) => value),
      mode: points.length > 60 ? "lines" : "lines+markers",
      marker: { size: 5 },
      line: { color: colourOf(index), width: 2 },
    }));
  const last = lines.map(([name, points]) => `${name} ${points.at(-1)[1].toPrecision(5)}`).join(", ");
  figure.setAttribute("aria-label", `Chart. Last readings: ${last}`);
  return draw(figure, traces, { xaxis: { title: { text: start ? "seconds" : "reading", standoff: 4 } }, showlegend: lines.length > 1 });
}

/** `loss` of `train:loss` and `validation:loss`, which share a chart. */
export function subject(metric) {
  return metric.replace(/ \(.*\)$/, "").split(":").at(-1);
}
