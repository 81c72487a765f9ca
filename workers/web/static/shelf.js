// The shelf follows its shopper: the server tells when the list is another, and the page moves what
// stays, fades in what is new, and keeps the keyboard's place.

const MOVE_MS = 350;
const FRESH_MS = 2500;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Follow the stream of a shelf while its page is visible; `seen(items)` hears of each new list. */
export function follow(shelf, told, seen) {
  let stream = null;
  let wanted = shelf.dataset.shelf;
  let busy = false;

  async function catchUp() {
    if (busy) return;
    busy = true;
    try {
      while (shelf.dataset.shelf !== wanted) {
        const asked = wanted;
        const answer = await fetch(shelf.dataset.address);
        if (!answer.ok) break;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        replace(shelf, page.querySelector("[data-shelf]"), told);
        seen(shelf.querySelectorAll(".item"));
        if (wanted === asked) wanted = shelf.dataset.shelf;
      }
    } finally {
      busy = false;
    }
  }

  function open() {
    stream = new EventSource(shelf.dataset.changes);
    stream.addEventListener("shelf", ({ data }) => {
      wanted = data;
      catchUp();
    });
  }

  // Browsers open six connections to a server at most: pages in the background give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stream.close();
    else open();
  });
  seen(shelf.querySelectorAll(".item"));
  open();
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
  shelf.dataset.shelf = next.dataset.shelf;

  if (focused) restoreFocus(shelf, focused, focusedPart);
  for (const item of fresh) highlight(item);
  if (!calm.matches) for (const item of shelf.querySelectorAll(".item")) move(item, before);
  const knows = document.querySelector("[data-knows]");
  if (knows) knows.textContent = knows.dataset.knows;
  if (told) {
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
