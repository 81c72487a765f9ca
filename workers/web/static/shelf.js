// The shelf follows its shopper: the server tells when the list is another, and the page moves what
// stays, fades in what is new, and keeps the keyboard's place.

const MOVE_MS = 350;
const FRESH_MS = 2500;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const AGAIN_MS = [150, 300, 600, 1200, 2400, 4800];
const REOPEN_MS = 2000;

/** Follow the stream of a shelf while its page is visible; `seen(items)` hears of each new list. */
export function follow(shelf, told, seen) {
  let stream = null;
  let reopening = null;
  let wanted = placeOf(shelf);
  let busy = false;

  async function catchUp() {
    if (busy) return;
    busy = true;
    try {
      await untilShown();
    } finally {
      busy = false;
    }
  }

  async function untilShown() {
    for (let tried = 0; shelf.dataset.shelf !== wanted.list; ) {
      const asked = wanted;
      const next = await fetchShelf(shelf.dataset.address);
      if (next && !isBehind(placeOf(next), wanted)) {
        replace(shelf, next, told);
        seen(shelf.querySelectorAll(".item"));
        if (wanted === asked) return; // this list, or one newer still
      }
      if (wanted !== asked) tried = 0;
      else if (tried === AGAIN_MS.length) return;
      else await pause(AGAIN_MS[tried++]);
    }
  }

  function open() {
    clearTimeout(reopening);
    stream = new EventSource(shelf.dataset.changes);
    stream.addEventListener("shelf", ({ data }) => {
      const announced = JSON.parse(data);
      if (isOlder(announced, placeOf(shelf))) return; // by an instance that lags behind
      wanted = announced;
      catchUp();
    });
    stream.addEventListener("error", () => {
      // An answer that is no stream, as of a server that starts, ends it for good.
      if (stream.readyState === EventSource.CLOSED) reopening = setTimeout(open, REOPEN_MS);
    });
  }

  // Browsers open six connections to a server at most: pages in the background give theirs back.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(reopening);
    stream.close();
    if (!document.hidden) open();
  });
  seen(shelf.querySelectorAll(".item"));
  open();
}

/** Which list a shelf shows, whose it is, and its place among the lists of the same owner. */
function placeOf({ dataset }) {
  return { list: dataset.shelf, of: dataset.of, at: Number(dataset.at) };
}

function isOlder(one, other) {
  return one.of === other.of && one.at < other.at;
}

/** Whether the shelf came from an instance that has not read the announced list yet. */
function isBehind(shown, announced) {
  return shown.list !== announced.list && !isOlder(announced, shown);
}

async function fetchShelf(address) {
  try {
    const answer = await fetch(address);
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-shelf]");
  } catch {
    return null;
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function replace(shelf, next, told) {
  const before = new Map();
  for (const item of shelf.querySelectorAll(".item")) {
    before.set(item.dataset.item, { item, place: item.getBoundingClientRect() });
  }
  const focused = document.activeElement?.closest?.(".item")?.dataset.item;
  const focusedPart = focusIndex();

  const fresh = [];
  for (const item of next.querySelectorAll(".item")) {
    const old = before.get(item.dataset.item);
    if (old) item.querySelector("img").replaceWith(old.item.querySelector("img")); // no second load
    else fresh.push(item);
  }
  shelf.replaceChildren(...next.childNodes);
  for (const name of ["shelf", "of", "at"]) shelf.dataset[name] = next.dataset[name];

  if (focused) restoreFocus(shelf, focused, focusedPart);
  for (const item of fresh) highlight(item);
  if (!calm.matches) for (const item of shelf.querySelectorAll(".item")) move(item, before);
  const knows = document.querySelector("[data-knows]");
  if (knows) knows.textContent = knows.dataset.knows;
  if (told && !told.hasAttribute("data-late")) {
    const all = shelf.querySelectorAll(".item").length;
    told.textContent = shelf.dataset.told.replace("{count}", fresh.length).replace("{all}", all);
  }
}

function highlight(item) {
  item.classList.add("fresh");
  setTimeout(() => item.classList.remove("fresh"), FRESH_MS);
}

/** From where it was to where it is: the eye follows. */
function move(item, before) {
  const old = before.get(item.dataset.item);
  const place = item.getBoundingClientRect();
  if (!old) {
    item.animate([{ opacity: 0, transform: "scale(.96)" }, {}], { duration: MOVE_MS, easing: "ease-out" });
    return;
  }
  const [x, y] = [old.place.left - place.left, old.place.top - place.top];
  if (x || y) {
    item.animate([{ transform: `translate(${x}px, ${y}px)` }, {}], { duration: MOVE_MS, easing: "ease-in-out" });
  }
}

function focusIndex() {
  const item = document.activeElement?.closest?.(".item");
  return item ? [...item.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
}

/** To the same control of the same item, else to the shelf's first. */
function restoreFocus(shelf, name, part) {
  const item = [...shelf.querySelectorAll(".item")].find(({ dataset }) => dataset.item === name)
    ?? shelf.querySelector(".item");
  item?.querySelectorAll("a, button")[Math.max(part, 0)]?.focus({ preventScroll: true });
}
