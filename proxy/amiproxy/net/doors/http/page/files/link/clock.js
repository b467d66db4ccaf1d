/** Times by the server's clock, so that ages do not depend on how the browser's clock is set. */

export class Clock {
  /** @param {() => number} [monotonic] seconds that only ever grow @param {() => number} [local] epoch seconds, before ``set`` */
  constructor(monotonic = () => performance.now() / 1000, local = () => Date.now() / 1000) {
    this.monotonic = monotonic;
    this.local = local;
    /** @type {number|null} epoch seconds at which ``monotonic`` was 0 */
    this.origin = null;
  }

  /** It is now this time at the server. @param {number} epochSeconds */
  set(epochSeconds) {
    this.origin = epochSeconds - this.monotonic();
  }

  /** Epoch seconds of the server; those of this machine until ``set``. @returns {number} */
  now() {
    return this.origin === null ? this.local() : this.origin + this.monotonic();
  }
}
