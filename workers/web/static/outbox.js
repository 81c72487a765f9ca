// Feedback on its way to the server: in order, sent again until it is taken. Each event has an id of
// its own, so that what arrives twice counts once.

const GATHER_MS = 30;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 5000;

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
    const batch = this.waiting.slice(0, 100);
    const taken = await this.deliver(batch);
    if (taken) {
      this.waiting.splice(0, batch.length);
      this.pause = FIRST_PAUSE_MS;
      if (this.late) this.tell((this.late = false));
    } else {
      if (!this.late) this.tell((this.late = true));
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
    }
    this.timer = this.waiting.length ? setTimeout(() => this.send(), taken ? 0 : this.pause) : null;
  }

  /** Whether the server answered for good: a refusal (4xx) would be the same again. */
  async deliver(batch) {
    try {
      const answer = await fetch(this.address, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(batch),
        keepalive: true,
      });
      if (answer.status >= 400 && answer.status < 500) console.warn(await answer.text());
      return answer.status < 500;
    } catch {
      return false;
    }
  }
}

/** Where the page is not served securely there is no randomUUID. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("-");
}
