/** What stands above each view: the name of the board, the connection, the time, the user, and the tabs. */

import { texts } from "../texts.js";
import { make, mark, show, write } from "./dom.js";
import { clock, number } from "./values/format.js";
import { address } from "./values/route.js";

const TABS = /** @type {const} */ (["queues", "calls", "agents", "lines", "status"]);

export class Header {
  /**
   * @param {HTMLElement} top @param {HTMLElement} tabs @param {() => void} onlogout
   */
  constructor(top, tabs, onlogout) {
    this.tabs = tabs;
    this.sign = make("p", { class: "sign", "data-field": "connection" });
    this.time = make("time", { title: texts.board.clock, "data-field": "clock" });
    this.user = make("bdi", { title: texts.board.user, "data-field": "user" });
    this.wall = make("a", { href: "#wall", "data-field": "wall" }, texts.board.wall);
    this.logout = make("button", { type: "button", "data-field": "logout" }, texts.board.logout);
    this.logout.addEventListener("click", onlogout);
    this.session = make("div", { class: "session" }, this.user, this.wall, this.logout);
    top.append(make("h1", {}, texts.board.title), this.sign, this.time, this.session);
    tabs.setAttribute("aria-label", texts.board.tabs);
    /** @type {Map<string, {link: HTMLElement, count: HTMLElement, item: HTMLElement}>} */
    this.links = new Map();
    const list = make("ul", { role: "list" });
    for (const tab of TABS) {
      const count = make("span", { class: "count" });
      const link = make("a", { href: `#${tab}`, "data-tab": tab }, make("span", {}, texts.tabs[tab]), count);
      const item = make("li", {}, link);
      this.links.set(tab, { link, count, item });
      list.append(item);
    }
    tabs.append(list);
  }

  /**
   * @param {string} view @param {URLSearchParams} parameters are kept from tab to tab
   * @param {{user: string} | null} me
   * @param {boolean} hasStatus
   */
  draw(view, parameters, me, hasStatus) {
    show(this.session, me !== null);
    show(this.tabs, me !== null);
    write(this.user, me?.user ?? "");
    this.wall.setAttribute("href", address("wall", parameters));
    for (const [tab, { link, item }] of this.links) {
      link.setAttribute("href", address(tab, parameters));
      if (tab === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      if (tab === "status") show(item, hasStatus);
    }
  }

  /** @param {Record<string, number | null>} counts by tab; null if nothing is known */
  count(counts) {
    for (const [tab, value] of Object.entries(counts)) {
      const place = this.links.get(tab)?.count;
      if (place) write(place, value === null ? "" : number(value));
    }
  }

  /** @param {number} now epoch seconds */
  tick(now) {
    write(this.time, clock(now));
    mark(this.time, "epoch", String(Math.floor(now)));
  }
}
