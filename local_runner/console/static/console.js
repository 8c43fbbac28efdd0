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

/** Call `act` now and then, not while nobody looks, until it returns false. The server may be away for a while. */
export async function repeatedly(milliseconds, act) {
  for (;;) {
    try {
      if (!document.hidden && (await act()) === false) return;
    } catch {
      announce("The server does not answer.");
    }
    await new Promise((done) => setTimeout(done, milliseconds));
  }
}

/** Renew the content of <… data-live="address"> with the HTML of that address, until it says data-ended. The focus stays. */
function keepLive(part) {
  let before = null;
  repeatedly(Number(part.dataset.every || 2000), async () => {
    const answer = await fetch(part.dataset.live);
    if (!answer.ok) return;
    const html = await answer.text();
    if (html !== before && before !== null) {
      const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
      part.innerHTML = html;
      prepare(part);
      if (focused) document.getElementById(focused)?.focus();
    }
    before = html;
    return part.querySelector("[data-ended]") === null;
  });
}

function prepare(part) {
  localTimes(part);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
  button.textContent = "Copied";
  announce("Copied");
  setTimeout(() => (button.textContent = "Copy"), 1500);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

prepare(document);
document.querySelectorAll("[data-live]").forEach(keepLive);
