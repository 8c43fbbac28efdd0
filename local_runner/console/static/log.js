// A log that is followed, and shows the lines with a text.

import { json, repeatedly } from "./console.js";

const MOST_LINES = 5000;

function followLog(place) {
  const filter = document.getElementById("log-filter");
  const matches = (line) => line.dataset.text.includes(filter.value.toLowerCase());
  let positions = null;
  filter.addEventListener("input", () => {
    for (const line of place.children) line.hidden = !matches(line);
  });
  repeatedly(1000, async () => {
    const part = await json(place.dataset.log, positions);
    const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 20;
    const streams = new Set(Object.keys(part.positions)).size;
    if (part.cut) place.append(lineOf(null, "", "… earlier lines are in the download", false));
    for (const [at, stream, text] of part.lines) {
      const line = lineOf(at, stream, text, streams > 1);
      line.hidden = !matches(line);
      place.append(line);
    }
    while (place.children.length > MOST_LINES) place.firstChild.remove();
    if (atEnd) place.scrollTop = place.scrollHeight;
    positions = part.positions;
    return !part.ended;
  });
}

function lineOf(at, stream, text, namesStream) {
  const line = document.createElement("div");
  line.dataset.text = text.toLowerCase();
  if (at !== null) {
    const time = document.createElement("span");
    time.className = "at";
    const host = namesStream ? ` ${stream.replace(/-\d{9,}$/, "")}` : "";
    time.textContent = new Date(at).toTimeString().slice(0, 8) + host;
    line.append(time);
  }
  line.append(text);
  return line;
}

document.querySelectorAll("[data-log]").forEach(followLog);
