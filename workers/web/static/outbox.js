// Feedback on its way to the server: in order, sent again until it is taken. Each event has an id of
// its own, so that what arrives twice counts once.

const GATHER_MS = 30;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 5000;
const BATCH = 100;
const MOST_WAITING = 5000;
const MOST_KEPT_ALIVE = 20_000; // characters: browsers refuse to keep alive more than 64 kB

export class Outbox {
  /** `tell(true)` when the events have to wait, `tell(false)` when they are through. */
  constructor(address, tell) {
    this.address = address;
    this.tell = tell;
    this.waiting = [];
    this.pause = FIRST_PAUSE_MS;
    this.timer = null;
    this.late = false;
  }

  put(event) {
    this.waiting.push({ event_id: crypto.randomUUID?.() ?? randomId(), ...event });
    this.timer ??= setTimeout(() => this.send(), GATHER_MS);
  }

  async send() {
    const batch = this.waiting.slice(0, BATCH);
    const taken = await this.deliver(batch);
    if (taken) {
      this.waiting.splice(0, batch.length);
      this.pause = FIRST_PAUSE_MS;
      if (this.late) this.tell((this.late = false));
    } else {
      if (!this.late) this.tell((this.late = true));
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
      this.waiting.splice(0, this.waiting.length - MOST_WAITING); // a page that is left open for days
    }
    this.timer = this.waiting.length ? setTimeout(() => this.send(), taken ? 0 : this.pause) : null;
  }

  /** Whether the server has judged each event: those that it names would be refused again. Any other
   *  answer (no token, not ready, somebody in between) says nothing about them. */
  async deliver(batch) {
    const body = JSON.stringify(batch);
    try {
      const answer = await fetch(this.address, {
        method: "POST", headers: { "content-type": "application/json" }, body,
        keepalive: body.length < MOST_KEPT_ALIVE,
      });
      if (answer.status !== 202 && answer.status !== 422) return false;
      const { taken, refused } = await answer.json();
      for (const { event_id, why } of refused) console.warn(event_id, why);
      return taken + refused.length === batch.length;
    } catch {
      return false;
    }
  }
}

/** Where the page is not served securely there is no randomUUID. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("-");
}
