// What the console's forms and lists do by themselves: an id follows from the name, a knob shows its
// value, and what waits for workers is looked at again until it is there. A form may be filled in
// before this file has come: each rule also reads what it finds.

const LOOK_MS = 1500;
const LOOKS = 120;

for (const name of document.querySelectorAll("[data-names]")) {
  const id = name.form.elements[name.dataset.names];
  const follow = () => {
    if (!id.dataset.own) id.value = name.value.trim().toLowerCase().replace(/[\s/]+/g, "-");
  };
  id.addEventListener("input", () => (id.dataset.own = "1"));
  if (id.value) id.dataset.own = "1";
  name.addEventListener("input", follow);
  follow();
}

function showValue(knob) {
  if (knob.nextElementSibling?.matches("output")) knob.nextElementSibling.value = knob.value;
}

document.addEventListener("input", ({ target }) => {
  if (target.type === "range") showValue(target);
});
document.querySelectorAll('[type="range"]').forEach(showValue);

const told = document.querySelector(".told");
let shown = document.querySelector("#live")?.outerHTML;

async function look(looks) {
  const live = document.querySelector("#live");
  if (!live || !("live" in live.dataset) || looks === 0) return;
  const next = document.hidden ? null : await fetchedLive();
  const isBusy = live.contains(document.activeElement);
  if (next && !isBusy && next.outerHTML !== shown) {
    shown = next.outerHTML;
    live.replaceWith(next);
    if (told) told.textContent = next.dataset.told;
  }
  setTimeout(() => look(looks - 1), LOOK_MS);
}

async function fetchedLive() {
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#live");
  } catch {
    return null;
  }
}

look(LOOKS);
