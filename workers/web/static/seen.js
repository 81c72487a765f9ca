// Impressions: an item counts as seen when at least half of it was on a visible page for one second,
// once in each list.

const SHARE = 0.5;
const LOOK_MS = 1000;

/** Calls `tell(item)` for each item that was seen; give it the items of each new list. */
export function watch(tell) {
  const timers = new Map();
  const counted = new Set();
  const name = (item) => `${item.querySelector('[name="recommendation_id"]').value}/${item.dataset.item}`;

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting, intersectionRatio } of entries) {
      if (isIntersecting && intersectionRatio >= SHARE) start(target);
      else stop(target);
    }
  }, { threshold: [SHARE] });

  function start(item) {
    if (document.hidden || timers.has(item) || counted.has(name(item))) return;
    timers.set(item, setTimeout(() => {
      timers.delete(item);
      if (!item.isConnected || counted.has(name(item))) return;
      counted.add(name(item));
      tell(item);
    }, LOOK_MS));
  }

  function stop(item) {
    clearTimeout(timers.get(item));
    timers.delete(item);
  }

  let items = [];
  function look(list) {
    items = [...list];
    for (const item of [...timers.keys()]) stop(item);
    observer.disconnect();
    for (const item of items) observer.observe(item);
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) [...timers.keys()].forEach(stop);
    else look(items);
  });
  return look;
}
