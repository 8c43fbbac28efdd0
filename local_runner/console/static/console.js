// What every page does: local times, copy buttons, parts that are renewed, and questions before something is lost.

/** Show the times of a part of the page in the user's time zone. */
function localTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    const two = (number) => String(number).padStart(2, "0");
    const day = `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
    time.textContent = `${day} ${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
    time.title = time.dateTime;
  }
}

/** Tell a screen reader. */
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}

/** Send a change to the server with the token of the page. */
export function post(address, body) {
  const token = document.querySelector('meta[name="form-token"]').content;
  return fetch(address, { method: "POST", body, headers: { "X-Form-Token": token } });
}

/** The JSON of an address, from where an earlier answer ended. Throws without one. */
export async function json(address, positions) {
  const answer = await fetch(positions ? `${address}?positions=${encodeURIComponent(JSON.stringify(positions))}` : address);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

/** Say, or no longer say, that the page shows what was the case some time ago. */
function showStale(isStale) {
  const notice = document.getElementById("stale");
  if (notice.hidden === !isStale) return;
  notice.hidden = !isStale;
  announce(isStale ? notice.textContent : "The page is renewed again.");
}

/** Call `act` now and then, not while nobody looks, until it returns false. The server may be away for a while. */
export async function repeatedly(milliseconds, act) {
  for (;;) {
    try {
      if (!document.hidden) {
        const goesOn = await act();
        showStale(false);
        if (goesOn === false) return;
      }
    } catch {
      showStale(true);
    }
    await new Promise((done) => setTimeout(done, milliseconds));
  }
}

/** What a part of a page knows that its address does not: which boxes are ticked, how far tables are scrolled, and where the focus is. */
function stateOf(part) {
  const ticked = [...part.querySelectorAll("input:checked")].map((box) => box.id);
  const tables = [...part.querySelectorAll(".scroll")];
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  return { ticked, scrolled: tables.map((box) => box.scrollLeft), id: focused?.id, table: tables.indexOf(focused) };
}

function restore(part, { ticked, scrolled, id, table }) {
  const tables = part.querySelectorAll(".scroll");
  for (const box of part.querySelectorAll("input")) box.checked = ticked.includes(box.id);
  tables.forEach((box, index) => (box.scrollLeft = scrolled[index] ?? 0));
  (id ? document.getElementById(id) : tables[table])?.focus();
}

/** Renew the content of <… data-live="address"> with the HTML of that address, until it says data-ended. */
function keepLive(part) {
  let before = null;
  repeatedly(Number(part.dataset.every || 2000), async () => {
    const answer = await fetch(part.dataset.live);
    if (!answer.ok) throw new Error(answer.statusText);
    const html = await answer.text();
    if (html !== before) {
      const state = stateOf(part);
      part.innerHTML = html;
      prepare(part);
      restore(part, state);
    }
    before = html;
    return part.querySelector("[data-ended]") === null;
  });
}

/** `12 s` or `3 min 20 s`, as the server writes durations. */
function duration(seconds) {
  return seconds < 60 ? `${seconds.toFixed(0)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function countUp(part) {
  for (const since of part.querySelectorAll("[data-since]")) since.textContent = duration(Date.now() / 1000 - since.dataset.since);
}

/** What does not fit in its place can be scrolled with the keyboard. */
function makeScrollable(part) {
  for (const box of part.querySelectorAll(".scroll")) {
    box.tabIndex = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight ? 0 : -1;
  }
}

function prepare(part) {
  makeScrollable(part);
  localTimes(part);
  countUp(part);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const text = button.parentElement.querySelector("pre");
  try {
    await navigator.clipboard.writeText(text.textContent);
  } catch {  // a browser has no clipboard for a page that came from another machine without TLS
    getSelection().selectAllChildren(text);
    return announce("Selected. Copy it with the keyboard.");
  }
  button.textContent = "Copied";
  announce("Copied");
  setTimeout(() => (button.textContent = "Copy"), 1500);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

prepare(document);
addEventListener("resize", () => makeScrollable(document));
setInterval(() => countUp(document), 1000);
document.querySelectorAll("[data-live]").forEach(keepLive);
