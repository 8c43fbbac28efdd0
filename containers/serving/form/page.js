// Sends the form to /invocations, shows the answer as text, and keeps the command of curl in step with the form.

const field = (id) => document.getElementById(id);
const MOST_SHOWN = 200_000;

function chosenFile() {
  return field("file").files[0] ?? null;
}

function headers() {
  const found = { "Content-Type": field("content-type").value };
  if (field("accept").value) found.Accept = field("accept").value;
  return found;
}

function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

function showCommand() {
  const file = chosenFile();
  const words = ["curl", `${location.origin}/invocations`];
  for (const [name, value] of Object.entries(headers())) words.push("-H", `${name}: ${value}`);
  if (file) words.push("--data-binary", `@${file.name}`);
  else words.push("--data-raw", field("text").value); // which takes no "@" for the name of a file
  field("curl").textContent = words.map(quoted).join(" ");
}

function readable(text, type) {
  if (!type.includes("json")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // JSON Lines, for one
  }
}

function show(summary, text, failed) {
  field("summary").textContent = summary;
  field("summary").classList.toggle("bad", failed);
  field("body").textContent = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
  field("body").hidden = text === "";
}

field("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const begun = performance.now();
  try {
    const answer = await fetch("/invocations", { method: "POST", headers: headers(), body: chosenFile() ?? field("text").value });
    const text = await answer.text();
    const type = answer.headers.get("Content-Type") ?? "";
    const took = `${(performance.now() - begun).toFixed(0)} ms`;
    show(`Status ${answer.status}, ${type || "no content type"}, ${took}`, readable(text, type), !answer.ok);
  } catch {
    show("The server does not answer.", "", true);
  }
});
field("form").addEventListener("input", showCommand);
field("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(field("curl").textContent);
  field("copy").textContent = "Copied";
  setTimeout(() => (field("copy").textContent = "Copy"), 1500);
});
showCommand();
