/** When the page is drawn: at most once a frame, and less often if a frame takes long. */

/** After a frame the browser has this many times its duration for everything else. */
const REST = 3;
/** Milliseconds of rest that are too few for a timer. */
const LEAST = 4;

export class Drawer {
  /**
   * @param {() => void} draw draws what has changed
   * @param {() => void} tick is called at every full second, for times that count up
   */
  constructor(draw, tick) {
    this.draw = draw;
    this.tick = tick;
    this.isAsked = false;
    this.isWaiting = false;
    this.isFrameAsked = false;
    this.isTickDue = false;
    this.restUntil = 0;
    /** The time of the last frame that was drawn in. */
    this.frame = -1;
    this.channel = new MessageChannel();
    this.channel.port1.onmessage = () => this.#rest();
    this.began = 0;
    this.onframe = (/** @type {number} */ time) => this.#drawIn(time);
  }

  /** Draws soon. */
  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    this.#wait();
  }

  /** Asks for a frame after the rest. */
  #wait() {
    const rest = this.restUntil - performance.now();
    if (rest <= LEAST) this.#askFrame();
    else if (!this.isWaiting) {
      this.isWaiting = true;
      setTimeout(() => {
        this.isWaiting = false;
        if (this.isAsked) this.#askFrame();
      }, rest);
    }
  }

  #askFrame() {
    if (this.isFrameAsked) return;
    this.isFrameAsked = true;
    requestAnimationFrame(this.onframe);
  }

  /** @param {number} time of the frame */
  #drawIn(time) {
    this.isFrameAsked = false;
    // A browser that is late may ask for the same frame twice.
    if (time === this.frame) {
      this.#askFrame();
      return;
    }
    this.frame = time;
    this.began = performance.now();
    if (this.isTickDue) {
      this.isTickDue = false;
      this.tick();
    }
    // A tick that comes while the browser rests does not end its rest.
    if (this.isAsked && this.began < this.restUntil - LEAST) this.#wait();
    else if (this.isAsked) {
      this.isAsked = false;
      this.draw();
    }
    this.channel.port2.postMessage(null); // It arrives after the browser has laid out and painted.
  }

  /** Layout and painting belong to what a frame costs, and are most of it in long tables. */
  #rest() {
    const ended = performance.now();
    this.restUntil = ended + (ended - this.began) * REST;
  }

  /**
   * Starts ticking, in step with the seconds of the server.
   * @param {() => number} now epoch seconds of the server
   */
  start(now) {
    const next = () => {
      setTimeout(
        () => {
          if (!document.hidden) {
            this.isTickDue = true;
            this.#askFrame();
          }
          next();
        },
        1000 - ((now() * 1000) % 1000) + 5,
      );
    };
    next();
  }
}
