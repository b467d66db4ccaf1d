/** When the page is drawn: at most once a frame, and less often if a drawing takes long. */

/** After a drawing the browser has this many times its duration for everything else. */
const REST = 3;

export class Drawer {
  /**
   * @param {() => void} draw draws what has changed
   * @param {() => void} tick is called at every full second, for times that count up
   */
  constructor(draw, tick) {
    this.draw = draw;
    this.tick = tick;
    this.isAsked = false;
    this.restUntil = 0;
  }

  /** Draws soon. */
  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    const rest = this.restUntil - performance.now();
    if (rest > 4) setTimeout(() => this.#frame(), rest);
    else this.#frame();
  }

  #frame() {
    requestAnimationFrame(() => {
      this.isAsked = false;
      const began = performance.now();
      this.draw();
      const ended = performance.now();
      this.restUntil = ended + (ended - began) * REST;
    });
  }

  /**
   * Starts ticking, in step with the seconds of the server.
   * @param {() => number} now epoch seconds of the server
   */
  start(now) {
    const next = () => {
      setTimeout(
        () => {
          if (!document.hidden) requestAnimationFrame(this.tick);
          next();
        },
        1000 - ((now() * 1000) % 1000) + 5,
      );
    };
    next();
  }
}
